//! The lines: requests in, answers and pushes out.

use gangway_console::{Console, ConsoleError, ExecuteRequest, QueryKey};
use gangway_domain::command::AttentionAction;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt},
    sync::{broadcast::error::RecvError, mpsc},
    task::JoinHandle,
};

/// Lines that may wait to be written. Past them, pushes wait in the console, which keeps the last of each.
const LINES: usize = 256;
/// The longest request that is read.
pub const REQUEST_MAX_BYTES: usize = 1 << 20;
/// Who subscribes: there is one, whoever holds the pipe.
const SUBSCRIBER: &str = "stdin";

/// Where lines go; written in order by one task.
#[derive(Clone)]
pub struct Output {
    lines: mpsc::Sender<String>,
}

/// Whether more requests are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// They are.
    More,
    /// The last one was answered.
    End,
}

impl Output {
    /// Starts the task that writes; it ends when every clone is gone.
    pub fn start() -> (Self, JoinHandle<()>) {
        let (lines, mut waiting) = mpsc::channel::<String>(LINES);
        let task = tokio::spawn(async move {
            let mut stdout = tokio::io::stdout();
            while let Some(mut line) = waiting.recv().await {
                line.push('\n');
                if stdout.write_all(line.as_bytes()).await.is_err() || stdout.flush().await.is_err() {
                    return;
                }
            }
        });
        (Self { lines }, task)
    }

    async fn write(&self, line: &impl Serialize) {
        match serde_json::to_string(line) {
            // Nobody reading any more ends the process by its stdin.
            Ok(line) => drop(self.lines.send(line).await),
            Err(error) => tracing::error!(%error, "an answer can't be written"),
        }
    }
}

/// Writes what is pushed. When it was too slow, every key is to be asked again.
pub async fn forward_pushes(console: Console, output: Output) {
    let mut pushes = console.pushes();
    loop {
        match pushes.recv().await {
            Ok(push) => output.write(&push).await,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "pushes were not read in time; every key is to be asked again");
                console.invalidate_all();
            }
            Err(RecvError::Closed) => return,
        }
    }
}

#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    op: Option<String>,
}

/// Reads lines of a bounded length.
pub struct Requests<R> {
    input: R,
    line: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Requests<R> {
    /// Reads from `input`.
    pub fn new(input: R) -> Self {
        Self { input, line: Vec::new() }
    }

    /// The next line, or none at the end. Of a line that is too long only the start is kept, and enough of
    /// it that it is refused. May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            let buffer = self.input.fill_buf().await?;
            if buffer.is_empty() {
                return Ok(Some(std::mem::take(&mut self.line)).filter(|line| !line.is_empty()));
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = (REQUEST_MAX_BYTES + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}

/// Answers one line.
pub async fn answer(console: &Console, line: &[u8], output: &Output) -> Next {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Next::More;
    }
    let id = id_of(line);
    let request = if line.len() > REQUEST_MAX_BYTES { None } else { read::<Request>(line).ok() };
    let Some(Request { op: Some(op) }) = request else {
        let why = "A request is one line of JSON with an id and an op, of at most 1 MiB.".to_owned();
        output.write(&failure(&id, &ConsoleError::InvalidRequest(why))).await;
        return Next::More;
    };
    // One after the other: commands reach the outbox in the order of their lines.
    let result = perform(console, &op, line).await;
    let line = match result {
        Ok(fields) => success(&id, fields),
        Err(error) => failure(&id, &error),
    };
    output.write(&line).await;
    if op == "shutdown" { Next::End } else { Next::More }
}

async fn perform(console: &Console, op: &str, line: &[u8]) -> Result<Value, ConsoleError> {
    #[derive(Deserialize)]
    struct Key {
        key: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<Vec<String>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        command_id: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Resolve {
        entry_id: String,
        action: AttentionAction,
        #[serde(default)]
        reason: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Pair {
        code: String,
        #[serde(default)]
        device_name: Option<String>,
    }
    match op {
        "execute" => {
            let executed = console.execute(read::<ExecuteRequest>(line)?).await?;
            fields(&executed)
        }
        "query" => fields(&console.query(&QueryKey::parse(read::<Key>(line)?.key)?)),
        "subscribe" => match console.subscribe(SUBSCRIBER, keys(read::<Keys>(line)?.keys)?) {
            0 => Ok(json!({})),
            too_many => Err(ConsoleError::InvalidRequest(format!("{too_many} keys are too many and are not pushed."))),
        },
        "unsubscribe" => {
            console.unsubscribe(SUBSCRIBER, keys(read::<Keys>(line)?.keys)?);
            Ok(json!({}))
        }
        "status" => fields(&console.status()),
        "command" => fields(&console.fate_seen(&read::<Named>(line)?.command_id).await?),
        "attention" => {
            let key = QueryKey::parse(vec!["attention".to_owned()])?;
            // Before the first snapshot nothing is known, and nothing is wrong.
            let entries = Some(console.query(&key).data).filter(|data| !data.is_null());
            Ok(json!({ "entries": entries.unwrap_or_else(|| json!([])) }))
        }
        "resolve" => {
            let Resolve { entry_id, action, reason } = read(line)?;
            Ok(json!({ "entry": console.resolve(&entry_id, action, reason).await? }))
        }
        "pair" => {
            let Pair { code, device_name } = read(line)?;
            fields(&console.pair(&code, device_name).await?)
        }
        "shutdown" => Ok(json!({})),
        other => Err(ConsoleError::UnknownOp(other.chars().take(64).collect())),
    }
}

/// All of them, or none.
fn keys(keys: Vec<Vec<String>>) -> Result<Vec<QueryKey>, ConsoleError> {
    keys.into_iter().map(QueryKey::parse).collect()
}

fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, ConsoleError> {
    serde_json::from_slice(line).map_err(|error| ConsoleError::InvalidRequest(format!("This can't be read: {error}.")))
}

fn fields(answer: &impl Serialize) -> Result<Value, ConsoleError> {
    serde_json::to_value(answer).map_err(|error| ConsoleError::InvalidRequest(error.to_string()))
}

/// The id of a request, also of one whose other fields can't be read; null where there is none.
fn id_of(line: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Id {
        #[serde(default)]
        id: Value,
    }
    serde_json::from_slice::<Id>(line).map(|id| id.id).unwrap_or_default()
}

fn success(id: &Value, fields: Value) -> Value {
    let mut answer = Map::from_iter([("id".to_owned(), id.clone()), ("ok".to_owned(), json!(true))]);
    if let Value::Object(fields) = fields {
        answer.extend(fields);
    }
    Value::Object(answer)
}

fn failure(id: &Value, error: &ConsoleError) -> Value {
    json!({ "id": id, "ok": false, "error": { "code": error.code(), "message": error.to_string() } })
}
