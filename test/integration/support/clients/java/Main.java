import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.flywaydb.core.Flyway;

/** The matrix's client in Java: JDBC by HikariCP. Protocol: ../README.md. `Main flyway FOLDER` runs the migrations of a folder. */
public class Main {
    static final String INSERT = "INSERT INTO matrix (id) VALUES (?)";
    static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);

    interface Work<T> {
        T with(Connection connection) throws SQLException;
    }

    static HikariDataSource pool(String variable, int size) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(System.getenv(variable));
        config.setMaximumPoolSize(size);
        config.setMinimumIdle(0);
        config.setConnectionTimeout(20_000);
        config.setInitializationFailTimeout(-1);
        return new HikariDataSource(config);
    }

    /** docs/clients.md: what another try may not meet again. */
    static boolean again(SQLException error) {
        String state = error.getSQLState();
        // HikariCP's own, when it gave up waiting for a connection, has none, or that of its cause.
        if (state == null) return error instanceof java.sql.SQLTransientConnectionException;
        return state.matches("08...|25006|40001|40P01|40003|53300|57P0[1235]");
    }

    static <T> T retry(HikariDataSource pool, Work<T> work) throws Exception {
        long end = System.nanoTime() + PATIENCE;
        for (long longest = 50; ; longest = Math.min(2 * longest, 1000)) {
            try (Connection connection = pool.getConnection()) {
                return transaction(connection, work);
            } catch (SQLException error) {
                if (!again(error) || System.nanoTime() > end) throw error;
                Thread.sleep(longest / 2 + ThreadLocalRandom.current().nextLong(longest / 2));
            }
        }
    }

    static <T> T transaction(Connection connection, Work<T> work) throws SQLException {
        connection.setAutoCommit(false);
        try {
            T result = work.with(connection);
            connection.commit();
            return result;
        } catch (SQLException error) {
            try {
                connection.rollback();
            } catch (SQLException gone) {
                error.addSuppressed(gone);
            }
            throw error;
        } finally {
            if (!connection.isClosed()) connection.setAutoCommit(true);
        }
    }

    /** Exactly once under this id. */
    static Void once(HikariDataSource pool, String id) throws Exception {
        return retry(pool, connection -> {
            String remember = "INSERT INTO requests (id) VALUES (?) "
                + "ON CONFLICT (id) DO UPDATE SET tries = requests.tries + 1 RETURNING tries";
            if (first(connection, remember, id).equals("1")) first(connection, INSERT + " RETURNING id", id);
            return null;
        });
    }

    static String first(Connection connection, String text, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(text)) {
            for (int index = 0; index < values.length; index++) statement.setObject(index + 1, values[index]);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }

    static class Ride extends Thread {
        final HikariDataSource pool = pool("JDBC_DATABASE_URL", 1);
        final String prefix;
        final List<String> failed = new ArrayList<>();
        int done;
        double longest;
        volatile boolean stopped;

        Ride(String prefix) {
            this.prefix = prefix;
        }

        @Override
        public void run() {
            for (int n = 0; !stopped; n++) {
                long began = System.nanoTime();
                try {
                    once(pool, prefix + "-" + n);
                    done++;
                } catch (Exception error) {
                    failed.add(prefix + "-" + n + ": " + error.getMessage());
                }
                longest = Math.max(longest, (System.nanoTime() - began) / 1e9);
                try {
                    Thread.sleep(50);
                } catch (InterruptedException error) {
                    return;
                }
            }
            pool.close();
        }
    }

    final HikariDataSource pool = pool("JDBC_DATABASE_URL", 1);
    Connection held;
    Ride riding;

    String step(String name, String word) throws Exception {
        switch (name) {
            case "connect":
                held = pool.getConnection();
                return first(held, "SELECT 1");
            case "write":
                return json(first(held, INSERT + " RETURNING id", word));
            case "read":
                try (HikariDataSource reads = pool("JDBC_READ_URL", 1); Connection connection = reads.getConnection()) {
                    return first(connection, "SELECT pg_is_in_recovery()").equals("t") ? "true" : "false";
                }
            case "prepared":
                return String.valueOf(prepared());
            case "long":
                first(held, "SELECT pg_sleep(3)::text");
                return "null";
            case "cancel":
                return json(cancelled(word));
            case "broken":
                return json(broken(word));
            case "own":
                return "null";
            case "ride":
                riding = new Ride(word);
                riding.start();
                return "null";
            case "stop":
                riding.stopped = true;
                riding.join();
                List<String> failed = riding.failed.stream().map(Main::json).toList();
                return String.format(java.util.Locale.ROOT, "{\"done\": %d, \"failed\": %s, \"longest\": %.2f}",
                    riding.done, failed, riding.longest);
            default:
                throw new IllegalArgumentException("no such step");
        }
    }

    /** JDBC prepares on the server what is executed for the fifth time. */
    int prepared() throws SQLException {
        int columns = 0;
        try (PreparedStatement statement = held.prepareStatement("SELECT * FROM shape WHERE id = ?")) {
            for (int n = 0; n < 8; n++) {
                statement.setInt(1, 1);
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    columns = rows.getMetaData().getColumnCount();
                    rows.getObject(columns);
                }
            }
        }
        return columns;
    }

    String cancelled(String mark) throws Exception {
        long began = System.nanoTime();
        try (Statement statement = held.createStatement()) {
            CompletableFuture.delayedExecutor(500, TimeUnit.MILLISECONDS).execute(() -> {
                try {
                    statement.cancel();
                } catch (SQLException error) {
                    System.err.println(error);
                }
            });
            statement.execute("SELECT pg_sleep(30) /* " + mark + " */");
            throw new IllegalStateException("it was not cancelled");
        } catch (SQLException error) {
            double took = (System.nanoTime() - began) / 1e9;
            if (took > 10) throw new IllegalStateException("it ended after " + took + " s");
            first(held, "SELECT 1");
            return error.getSQLState();
        }
    }

    String broken(String id) throws SQLException {
        try {
            transaction(held, connection -> {
                first(connection, INSERT + " RETURNING id", id);
                return first(connection, "SELECT 1 / (SELECT 0)");
            });
            throw new IllegalStateException("the transaction did not fail");
        } catch (SQLException error) {
            if (!first(held, "SELECT count(*) FROM matrix WHERE id = ?", id).equals("0"))
                throw new IllegalStateException("a statement of the failed transaction was done");
            return error.getSQLState();
        }
    }

    /** HikariCP says of every failure that it has no connection; why is in the cause, and of a network's failure in the cause of that. */
    static String reasons(Throwable error) {
        return error + (error.getCause() == null ? "" : ": " + reasons(error.getCause()));
    }

    static String json(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\s+", " ") + "\"";
    }

    static void migrate(String folder) {
        Flyway.configure().envVars().locations("filesystem:" + folder).load().migrate();
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("flyway")) {
            migrate(arguments[1]);
            return;
        }
        Main session = new Main();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] words = line.split(" ", 2);
            String said;
            boolean ok = true;
            try {
                said = session.step(words[0], words.length > 1 ? words[1] : "");
            } catch (Exception error) {
                ok = false;
                said = json(reasons(error));
            }
            System.out.printf("{\"step\": %s, \"ok\": %s, \"said\": %s}%n", json(words[0]), ok, said);
        }
        System.exit(0);
    }
}
