// The matrix's clients in Go: `clients NAME`. Protocol: ../README.md.
package main

import (
	"bufio"
	"context"
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// A driver. Statements have $1 for their argument.
type driver interface {
	connect(ctx context.Context, reading bool) (connection, error)
}

// A connection. `row` gives the first value of the first row and the number of columns.
type connection interface {
	row(ctx context.Context, text string, arguments ...any) (any, int, error)
	transaction(ctx context.Context, work func(querier) error) error
	// The driver's own way to cancel what runs on it.
	cancelled(text string, after time.Duration) error
	close()
}

// What a transaction can do.
type querier interface {
	row(ctx context.Context, text string, arguments ...any) (any, int, error)
}

// docs/clients.md: what another try may not meet again.
var passing = regexp.MustCompile(`^(08...|25006|40001|40P01|40003|53300|57P0[1235])$`)

const patience = 60 * time.Second

// What both drivers' errors from the server have.
type sqlError interface{ SQLState() string }

func state(err error) string {
	var told sqlError
	if errors.As(err, &told) {
		return told.SQLState()
	}
	return ""
}

// Whether another try may fare better: the connection is gone, or the server says so.
func again(err error) bool {
	if code := state(err); code != "" {
		return passing.MatchString(code)
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		regexp.MustCompile(`conn closed|bad connection|connection reset|connect error|failed to connect|unexpected EOF`).MatchString(err.Error())
}

type ride struct {
	Done    int      `json:"done"`
	Failed  []string `json:"failed"`
	Longest float64  `json:"longest"`
	stop    atomic.Bool
	ended   chan struct{}
}

// Writes under an id of its own each, one after the other, until it is told to stop.
func (r *ride) run(d driver, prefix string) {
	defer close(r.ended)
	var held connection
	for n := 0; !r.stop.Load(); n++ {
		began := time.Now()
		id := fmt.Sprintf("%s-%d", prefix, n)
		if err := once(d, &held, id); err != nil {
			r.Failed = append(r.Failed, id+": "+err.Error())
		} else {
			r.Done++
		}
		r.Longest = max(r.Longest, float64(time.Since(began).Milliseconds())/1000)
		time.Sleep(50 * time.Millisecond)
	}
	if held != nil {
		held.close()
	}
}

// Does it exactly once, each try on a connection that has not failed.
func once(d driver, held *connection, id string) error {
	end := time.Now().Add(patience)
	for longest := 50 * time.Millisecond; ; longest = min(2*longest, time.Second) {
		err := attempt(d, held, id)
		if err == nil {
			return nil
		}
		if *held != nil {
			(*held).close()
			*held = nil
		}
		if !again(err) || time.Now().After(end) {
			return err
		}
		time.Sleep(time.Duration(float64(longest) * (0.5 + rand.Float64()/2)))
	}
}

func attempt(d driver, held *connection, id string) error {
	// Longer than the longest outage, for which the proxy holds a statement back.
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	if *held == nil {
		opened, err := d.connect(ctx, false)
		if err != nil {
			return err
		}
		*held = opened
	}
	return (*held).transaction(ctx, func(q querier) error {
		tries, _, err := q.row(ctx, `INSERT INTO requests (id) VALUES ($1)
			ON CONFLICT (id) DO UPDATE SET tries = requests.tries + 1 RETURNING tries`, id)
		if err != nil || fmt.Sprint(tries) != "1" {
			return err
		}
		_, _, err = q.row(ctx, "INSERT INTO matrix (id) VALUES ($1) RETURNING id", id)
		return err
	})
}

// The steps, on one connection that is held all the while.
type session struct {
	d      driver
	c      connection
	riding *ride
}

func (s *session) step(name, word string) (any, error) {
	ctx := context.Background()
	switch name {
	case "connect":
		opened, err := s.d.connect(ctx, false)
		if err != nil {
			return nil, err
		}
		s.c = opened
		said, _, err := s.c.row(ctx, "SELECT 1")
		return said, err
	case "write":
		said, _, err := s.c.row(ctx, "INSERT INTO matrix (id) VALUES ($1) RETURNING id", word)
		return said, err
	case "read":
		reader, err := s.d.connect(ctx, true)
		if err != nil {
			return nil, err
		}
		defer reader.close()
		said, _, err := reader.row(ctx, "SELECT pg_is_in_recovery()")
		return said, err
	case "prepared":
		columns := 0
		for range 8 {
			_, found, err := s.c.row(ctx, "SELECT * FROM shape WHERE id = $1", 1)
			if err != nil {
				return nil, err
			}
			columns = found
		}
		return columns, nil
	case "long":
		_, _, err := s.c.row(ctx, "SELECT pg_sleep(3)::text")
		return nil, err
	case "cancel":
		began := time.Now()
		err := s.c.cancelled("SELECT pg_sleep(30)::text /* "+word+" */", 500*time.Millisecond)
		if err == nil {
			return nil, errors.New("it was not cancelled")
		}
		if took := time.Since(began); took > 10*time.Second {
			return nil, fmt.Errorf("it ended after %s", took)
		}
		// lib/pq gives up a connection whose statement it has cancelled.
		if _, _, broken := s.c.row(ctx, "SELECT 1"); errors.Is(broken, sqldriver.ErrBadConn) {
			s.c.close()
			opened, err := s.d.connect(ctx, false)
			if err != nil {
				return nil, err
			}
			s.c = opened
		} else if broken != nil {
			return nil, broken
		}
		return state(err), nil
	case "broken":
		failed := s.c.transaction(ctx, func(q querier) error {
			if _, _, err := q.row(ctx, "INSERT INTO matrix (id) VALUES ($1) RETURNING id", word); err != nil {
				return err
			}
			_, _, err := q.row(ctx, "SELECT 1 / (SELECT 0)")
			return err
		})
		if failed == nil {
			return nil, errors.New("the transaction did not fail")
		}
		left, _, err := s.c.row(ctx, "SELECT count(*) FROM matrix WHERE id = $1", word)
		if err != nil {
			return nil, err
		}
		if fmt.Sprint(left) != "0" {
			return nil, errors.New("a statement of the failed transaction was done")
		}
		return state(failed), nil
	case "own":
		return nil, nil
	case "ride":
		s.riding = &ride{Failed: []string{}, ended: make(chan struct{})}
		go s.riding.run(s.d, word)
		return nil, nil
	case "stop":
		s.riding.stop.Store(true)
		<-s.riding.ended
		return s.riding, nil
	}
	return nil, errors.New("no such step")
}

func main() {
	drivers := map[string]driver{"pgx": pgxDriver{}, "lib/pq": pqDriver{}}
	s := &session{d: drivers[os.Args[1]]}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		name, word, _ := strings.Cut(lines.Text(), " ")
		said, err := s.step(name, word)
		if err != nil {
			said = err.Error()
		}
		answer, _ := json.Marshal(map[string]any{"step": name, "ok": err == nil, "said": said})
		fmt.Println(string(answer))
	}
}
