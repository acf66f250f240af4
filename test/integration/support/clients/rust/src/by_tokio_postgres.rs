//! tokio-postgres, as it comes: it prepares a statement each time. The verifying is left to the TLS connector.
use std::env::var;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::sleep;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client as Connection, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::client::{Client, Fault, Queries, Work};

pub struct TokioPostgres {
    connection: Connection,
    tls: MakeRustlsConnect,
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Fault::new(&error, error.code().map(|state| state.code()), error.is_closed())
    }
}

/// It takes certificates of the CA in PGSSLROOTCERT only, for the host's name or address.
fn tls() -> Result<MakeRustlsConnect, Fault> {
    let file = var("PGSSLROOTCERT").unwrap_or_default();
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(&file).map_err(|error| format!("{file}: {error}"))?;
    roots.add_parsable_certificates(found.filter_map(Result::ok));
    Ok(MakeRustlsConnect::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

fn arguments<'a>(words: &'a [&'a str]) -> Vec<&'a (dyn ToSql + Sync)> {
    words.iter().map(|word| word as &(dyn ToSql + Sync)).collect()
}

impl Queries for TokioPostgres {
    async fn text(&mut self, statement: &'static str, words: &[&str]) -> Result<String, Fault> {
        Ok(self.connection.query_one(statement, &arguments(words)).await?.try_get(0)?)
    }
}

impl Queries for Transaction<'_> {
    async fn text(&mut self, statement: &'static str, words: &[&str]) -> Result<String, Fault> {
        Ok(self.query_one(statement, &arguments(words)).await?.try_get(0)?)
    }
}

impl Client for TokioPostgres {
    async fn connect(reading: bool) -> Result<Self, Fault> {
        let dsn = var(if reading { "READ_DSN" } else { "DATABASE_DSN" }).unwrap_or_default();
        let tls = tls()?;
        let (connection, traffic) = tokio_postgres::connect(&dsn, tls.clone()).await?;
        tokio::spawn(traffic); // its error comes to whoever waits for an answer
        Ok(Self { connection, tls })
    }

    async fn columns(&mut self, statement: &'static str, id: i32) -> Result<usize, Fault> {
        Ok(self.connection.query_one(statement, &[&id]).await?.len())
    }

    /// One that is dropped is rolled back.
    async fn transaction(&mut self, work: Work<'_>) -> Result<(), Fault> {
        let mut transaction = self.connection.transaction().await?;
        work.run(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn cancelled(&mut self, statement: &str, after: Duration) -> Option<Result<(), Fault>> {
        let (token, tls) = (self.connection.cancel_token(), self.tls.clone());
        tokio::spawn(async move {
            sleep(after).await;
            let _ = token.cancel_query(tls).await;
        });
        Some(self.connection.query_one(statement, &[]).await.map(drop).map_err(Fault::from))
    }
}
