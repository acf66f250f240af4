package main

import (
	"context"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// pgx with its own interface, as it comes: it prepares and keeps every statement.
type pgxDriver struct{}

type pgxConnection struct{ *pgx.Conn }

type pgxQuerier struct{ pgx.Tx }

func variable(reading bool) string {
	if reading {
		return os.Getenv("READ_URL")
	}
	return os.Getenv("DATABASE_URL")
}

func (pgxDriver) connect(ctx context.Context, reading bool) (connection, error) {
	opened, err := pgx.Connect(ctx, variable(reading))
	if err != nil {
		return nil, err
	}
	return pgxConnection{opened}, nil
}

func first(rows pgx.Rows, err error) (any, int, error) {
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var value any
	columns := 0
	if rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, 0, err
		}
		value, columns = values[0], len(values)
	}
	rows.Close()
	return value, columns, rows.Err()
}

func (c pgxConnection) row(ctx context.Context, text string, arguments ...any) (any, int, error) {
	return first(c.Query(ctx, text, arguments...))
}

func (q pgxQuerier) row(ctx context.Context, text string, arguments ...any) (any, int, error) {
	return first(q.Query(ctx, text, arguments...))
}

func (c pgxConnection) transaction(ctx context.Context, work func(querier) error) error {
	return pgx.BeginFunc(ctx, c.Conn, func(tx pgx.Tx) error { return work(pgxQuerier{tx}) })
}

// A context that ends closes pgx's connection; this leaves it usable.
func (c pgxConnection) cancelled(text string, after time.Duration) error {
	time.AfterFunc(after, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = c.PgConn().CancelRequest(ctx)
	})
	_, _, err := c.row(context.Background(), text)
	return err
}

func (c pgxConnection) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Conn.Close(ctx)
}
