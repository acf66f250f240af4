package main

import (
	"context"
	"database/sql"
	"time"

	_ "github.com/lib/pq"
)

// lib/pq behind database/sql.
type pqDriver struct{}

type pqConnection struct {
	pool *sql.DB
	*sql.Conn
	shape *sql.Stmt
}

type pqQuerier struct{ *sql.Tx }

func (pqDriver) connect(ctx context.Context, reading bool) (connection, error) {
	pool, err := sql.Open("postgres", variable(reading))
	if err != nil {
		return nil, err
	}
	one, err := pool.Conn(ctx)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &pqConnection{pool: pool, Conn: one}, nil
}

func firstOf(rows *sql.Rows, err error) (any, int, error) {
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, 0, err
	}
	values := make([]any, len(names))
	into := make([]any, len(names))
	for index := range values {
		into[index] = &values[index]
	}
	if rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, 0, err
		}
	}
	return values[0], len(names), rows.Err()
}

// lib/pq prepares what it is told to.
func (c *pqConnection) row(ctx context.Context, text string, arguments ...any) (any, int, error) {
	if text == "SELECT * FROM shape WHERE id = $1" {
		if c.shape == nil {
			made, err := c.PrepareContext(ctx, text)
			if err != nil {
				return nil, 0, err
			}
			c.shape = made
		}
		return firstOf(c.shape.QueryContext(ctx, arguments...))
	}
	return firstOf(c.QueryContext(ctx, text, arguments...))
}

func (q pqQuerier) row(ctx context.Context, text string, arguments ...any) (any, int, error) {
	return firstOf(q.QueryContext(ctx, text, arguments...))
}

func (c *pqConnection) transaction(ctx context.Context, work func(querier) error) error {
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := work(pqQuerier{tx}); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

func (c *pqConnection) cancelled(text string, after time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	_, _, err := c.row(ctx, text)
	return err
}

func (c *pqConnection) close() {
	_ = c.Conn.Close()
	_ = c.pool.Close()
}
