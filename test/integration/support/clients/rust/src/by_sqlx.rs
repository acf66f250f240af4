//! sqlx: a connection as it comes. It prepares and keeps every statement; a pool of it would do the same.
use std::env::var;
use std::time::Duration;

use sqlx::{Connection, PgConnection, Row};

use crate::client::{Client, Fault, Queries, Work};

pub struct Sqlx(PgConnection);

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|told| told.code()).map(|code| code.to_string());
        Fault::new(&error, code.as_deref(), false)
    }
}

impl Queries for PgConnection {
    async fn text(&mut self, statement: &'static str, words: &[&str]) -> Result<String, Fault> {
        let query = words.iter().fold(sqlx::query(statement), |query, word| query.bind(word.to_string()));
        Ok(query.fetch_one(self).await?.try_get(0)?)
    }
}

impl Queries for Sqlx {
    async fn text(&mut self, statement: &'static str, words: &[&str]) -> Result<String, Fault> {
        self.0.text(statement, words).await
    }
}

impl Client for Sqlx {
    async fn connect(reading: bool) -> Result<Self, Fault> {
        let url = var(if reading { "READ_URL" } else { "DATABASE_URL" }).unwrap_or_default();
        Ok(Self(PgConnection::connect(&url).await?))
    }

    async fn columns(&mut self, statement: &'static str, id: i32) -> Result<usize, Fault> {
        Ok(sqlx::query(statement).bind(id).fetch_one(&mut self.0).await?.len())
    }

    /// One that is dropped is rolled back.
    async fn transaction(&mut self, work: Work<'_>) -> Result<(), Fault> {
        let mut transaction = self.0.begin().await?;
        work.run(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn cancelled(&mut self, _: &str, _: Duration) -> Option<Result<(), Fault>> {
        None
    }
}
