-- Which requests have been done: what makes it safe to send one again after its commit broke (docs/clients.md).
-- The owner makes it:  npx pgha psql --owner -- -f docs/clients/requests.sql
CREATE TABLE IF NOT EXISTS requests (
  -- Chosen by whoever asks, the same for every try: a UUID, an invoice's number, a day.
  id text PRIMARY KEY,
  -- Counted up by every try that got so far. It is also what makes a repeated try write: see docs/clients.md.
  tries int NOT NULL DEFAULT 1,
  at timestamptz NOT NULL DEFAULT now()
);
-- Once nobody can ask again:  DELETE FROM requests WHERE at < now() - interval '7 days'
