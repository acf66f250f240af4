//! The matrix's clients in Rust: `clients NAME`. Protocol: ../../README.md.
mod by_sqlx;
mod by_tokio_postgres;
mod client;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use client::{Client, Fault, INSERT, Work};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

/// Of the retries, for one transaction.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of one try: longer than the longest outage, for which the proxy holds a statement back.
const TRY: Duration = Duration::from_secs(40);

/// Does it exactly once under this id, each try on a connection that has not failed.
async fn once<C: Client>(held: &mut Option<C>, id: &str) -> Result<(), Fault> {
    let began = Instant::now();
    let mut longest: f64 = 0.05;
    loop {
        let attempt = async {
            let client = match held.take() {
                Some(client) => held.insert(client),
                None => held.insert(C::connect(false).await?),
            };
            client.transaction(Work::Once(id)).await
        };
        let Err(fault) = timeout(TRY, attempt).await.unwrap_or_else(|_| Err(Fault::silence())) else {
            return Ok(());
        };
        *held = None;
        if !fault.again() || began.elapsed() > PATIENCE {
            return Err(fault);
        }
        sleep(Duration::from_secs_f64(longest * rand::random_range(0.5..1.0))).await;
        longest = (2.0 * longest).min(1.0);
    }
}

/// Writes under an id of its own each, one after the other, until it is told to stop.
async fn ride<C: Client>(prefix: String, stopped: Arc<AtomicBool>) -> Value {
    let mut held: Option<C> = None;
    let (mut done, mut failed, mut longest) = (0, Vec::new(), 0.0_f64);
    for n in 0.. {
        if stopped.load(Relaxed) {
            break;
        }
        let began = Instant::now();
        let id = format!("{prefix}-{n}");
        match once(&mut held, &id).await {
            Ok(()) => done += 1,
            Err(fault) => failed.push(format!("{id}: {}", fault.said)),
        }
        longest = longest.max(began.elapsed().as_secs_f64());
        sleep(Duration::from_millis(50)).await;
    }
    json!({ "done": done, "failed": failed, "longest": (longest * 100.0).round() / 100.0 })
}

/// The steps, on one connection that is held all the while.
struct Session<C> {
    held: Option<C>,
    riding: Option<JoinHandle<Value>>,
    stopped: Arc<AtomicBool>,
}

impl<C: Client> Session<C> {
    fn held(&mut self) -> Result<&mut C, Fault> {
        self.held.as_mut().ok_or("it is not connected".into())
    }

    async fn step(&mut self, name: &str, word: &str) -> Result<Value, Fault> {
        match name {
            "connect" => {
                let client = self.held.insert(C::connect(false).await?);
                Ok(client.text("SELECT 1::text", &[]).await?.into())
            }
            "write" => Ok(self.held()?.text(INSERT, &[word]).await?.into()),
            "read" => {
                let mut reader = C::connect(true).await?;
                let said = reader.text("SELECT pg_is_in_recovery()::text", &[]).await?;
                Ok((said == "true").into())
            }
            "prepared" => {
                let mut columns = 0;
                for _ in 0..8 {
                    columns = self.held()?.columns("SELECT * FROM shape WHERE id = $1", 1).await?;
                }
                Ok(columns.into())
            }
            "long" => {
                self.held()?.text("SELECT pg_sleep(3)::text", &[]).await?;
                Ok(Value::Null)
            }
            "cancel" => {
                let began = Instant::now();
                let statement = format!("SELECT pg_sleep(30)::text /* {word} */");
                let client = self.held()?;
                let Some(ended) = client.cancelled(&statement, Duration::from_millis(500)).await else {
                    return Ok("none".into());
                };
                let fault = ended.err().ok_or("it was not cancelled")?;
                if began.elapsed() > Duration::from_secs(10) {
                    return Err(format!("it ended after {:?}", began.elapsed()).into());
                }
                client.text("SELECT 1::text", &[]).await?;
                fault.into_state()
            }
            "broken" => {
                let client = self.held()?;
                let ended = client.transaction(Work::Broken(word)).await;
                let fault = ended.err().ok_or("the transaction did not fail")?;
                if client.text("SELECT count(*)::text FROM matrix WHERE id = $1", &[word]).await? != "0" {
                    return Err("a statement of the failed transaction was done".into());
                }
                fault.into_state()
            }
            "own" => Ok(Value::Null),
            "ride" => {
                let (runtime, prefix, stopped) = (Handle::current(), word.to_string(), self.stopped.clone());
                self.riding = Some(spawn(move || runtime.block_on(ride::<C>(prefix, stopped))));
                Ok(Value::Null)
            }
            "stop" => {
                self.stopped.store(true, Relaxed);
                let riding = self.riding.take().ok_or("it does not ride")?;
                riding.join().map_err(|_| "the ride panicked".into())
            }
            _ => Err("no such step".into()),
        }
    }
}

async fn answer<C: Client>() {
    let mut session = Session::<C> { held: None, riding: None, stopped: Arc::default() };
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let (name, word) = line.split_once(' ').unwrap_or((&line, ""));
        let (ok, said) = match session.step(name, word).await {
            Ok(said) => (true, said),
            Err(fault) => (false, fault.said.into()),
        };
        println!("{}", json!({ "step": name, "ok": ok, "said": said }));
    }
}

#[tokio::main]
async fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("sqlx") => answer::<by_sqlx::Sqlx>().await,
        Some("tokio-postgres") => answer::<by_tokio_postgres::TokioPostgres>().await,
        other => panic!("no such client: {other:?}"),
    }
}
