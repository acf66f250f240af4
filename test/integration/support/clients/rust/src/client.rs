//! What the steps ask of a driver, and what its errors mean.
use std::error::Error;
use std::io;
use std::iter::successors;
use std::time::Duration;

use serde_json::Value;

pub const INSERT: &str = "INSERT INTO matrix (id) VALUES ($1) RETURNING id";

/// A connection, or a transaction on it.
pub trait Queries {
    /// The first value of the only row.
    async fn text(&mut self, statement: &'static str, words: &[&str]) -> Result<String, Fault>;
}

/// A connection by a driver, which prepares as it comes.
pub trait Client: Queries + Sized + 'static {
    async fn connect(reading: bool) -> Result<Self, Fault>;
    /// How many there are in the only row.
    async fn columns(&mut self, statement: &'static str, id: i32) -> Result<usize, Fault>;
    async fn transaction(&mut self, work: Work<'_>) -> Result<(), Fault>;
    /// What came of a statement that was cancelled the driver's way. None: it has none.
    async fn cancelled(&mut self, statement: &str, after: Duration) -> Option<Result<(), Fault>>;
}

/// What is done in a transaction.
pub enum Work<'a> {
    /// Inserts a row, once for this id.
    Once(&'a str),
    /// Inserts a row and fails.
    Broken(&'a str),
}

impl Work<'_> {
    pub async fn run(self, queries: &mut impl Queries) -> Result<(), Fault> {
        match self {
            Self::Once(id) => {
                let remember = "INSERT INTO requests (id) VALUES ($1) \
                    ON CONFLICT (id) DO UPDATE SET tries = requests.tries + 1 RETURNING tries::text";
                if queries.text(remember, &[id]).await? == "1" {
                    queries.text(INSERT, &[id]).await?;
                }
            }
            Self::Broken(id) => {
                queries.text(INSERT, &[id]).await?;
                queries.text("SELECT (1 / (SELECT 0))::text", &[]).await?;
            }
        }
        Ok(())
    }
}

/// docs/clients.md: what another try may not meet again.
const PASSING: [&str; 10] = ["08", "25006", "40001", "40P01", "40003", "53300", "57P01", "57P02", "57P03", "57P05"];

pub struct Fault {
    /// SQLSTATE, if the server or a pooler said it.
    state: Option<String>,
    /// The connection is gone, or there was none.
    broken: bool,
    pub said: String,
}

impl Fault {
    pub fn new(error: &(dyn Error + 'static), state: Option<&str>, closed: bool) -> Self {
        let chain = || successors(Some(error), |&one| one.source());
        let said = chain().map(ToString::to_string).reduce(|all, one| match all.contains(&one) {
            true => all,
            false => format!("{all}: {one}"),
        });
        // A certificate that is refused is InvalidData.
        let network = |one: &(dyn Error + 'static)| {
            one.downcast_ref::<io::Error>().is_some_and(|one| one.kind() != io::ErrorKind::InvalidData)
        };
        Self {
            state: state.map(str::to_string),
            broken: closed || chain().any(network),
            said: said.unwrap_or_default(),
        }
    }

    pub fn silence() -> Self {
        Self { state: None, broken: true, said: "no answer in time".to_string() }
    }

    /// Whether another try may fare better.
    pub fn again(&self) -> bool {
        match &self.state {
            Some(state) => PASSING.iter().any(|passing| state.starts_with(passing)),
            None => self.broken,
        }
    }

    pub fn into_state(self) -> Result<Value, Fault> {
        match self.state {
            Some(state) => Ok(state.into()),
            None => Err(self),
        }
    }
}

impl From<&str> for Fault {
    fn from(said: &str) -> Self {
        Self { state: None, broken: false, said: said.to_string() }
    }
}

impl From<String> for Fault {
    fn from(said: String) -> Self {
        said.as_str().into()
    }
}
