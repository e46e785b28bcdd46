//! `gangway-server`: serves a venue until it is told to end, and looks after its file.

mod certify;
mod configuration;
mod upkeep;

use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{CommandFactory, Parser, Subcommand, ValueEnum, builder::FalseyValueParser, error::ErrorKind};
use gangway_server::{Ready, ServeOptions, StartError, TlsFiles, access::Role, backup::Backups, bailout::Bailouts};
use tracing_subscriber::EnvFilter;

/// A fault of the machine, the folder or the venue.
const EXIT_FAULT: u8 = 1;
/// Flags or configuration that can't be right.
const EXIT_USAGE: u8 = 2;

#[derive(Parser)]
#[command(name = "gangway-server", version, about = "The backend of a timed-play venue")]
struct Arguments {
    #[command(subcommand)]
    command: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Serves a venue.
    Serve(Box<Serve>),
    /// Makes a pairing code while no server runs: the way back in when the last manager's device is lost.
    Token(Token),
    /// Makes a certificate for the server, and the venue's own authority for it.
    Cert(certify::Certify),
    /// Copies the venue into a file, also while it is served.
    Backup(upkeep::Backup),
    /// Makes a copy the venue; no server may use the folder.
    Restore(upkeep::Restore),
    /// Checks that the venue, or a copy, is what its log says.
    Verify(upkeep::Verify),
    /// Writes the list to run the venue from on paper, also while it is served.
    Bailout(upkeep::Bailout),
}

#[derive(clap::Args)]
struct Token {
    /// The folder that holds the venue.
    #[arg(long, env = "GANGWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// What the device may do: manager, operator, kiosk or display.
    #[arg(long, env = "GANGWAY_ROLE", default_value = "manager", value_parser = role)]
    role: Role,
    /// The certificate that the server shows, so that the code carries the seal of the venue's own authority.
    #[arg(long, env = "GANGWAY_TLS_CERT")]
    tls_cert: Option<PathBuf>,
}

fn role(name: &str) -> Result<Role, String> {
    Role::parse(name).ok_or_else(|| "it is none of manager, operator, kiosk, display".to_owned())
}

#[derive(clap::Args)]
struct Serve {
    /// Address and port; port 0 picks a free one.
    #[arg(long, env = "GANGWAY_LISTEN", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// The folder that holds the venue.
    #[arg(long, env = "GANGWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The name of a venue that is made.
    #[arg(long, env = "GANGWAY_VENUE")]
    venue: Option<String>,
    /// Fill an empty venue with products and visits.
    #[arg(long, env = "GANGWAY_DEMO", value_parser = FalseyValueParser::new())]
    demo: bool,
    /// No tokens: every caller is a manager; on loopback only.
    #[arg(long, env = "GANGWAY_INSECURE_OPEN", value_parser = FalseyValueParser::new())]
    insecure_open: bool,
    /// The certificate that the server shows, in PEM, with those that signed it.
    #[arg(long, env = "GANGWAY_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, env = "GANGWAY_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// An origin whose pages may call; may be repeated.
    #[arg(long, env = "GANGWAY_ALLOW_ORIGIN", value_delimiter = ',', num_args = 1..)]
    allow_origin: Vec<String>,
    /// Where the server puts copies of the venue by itself; none are made where it is not said.
    #[arg(long, env = "GANGWAY_BACKUP_DIR")]
    backup_dir: Option<PathBuf>,
    /// From one copy to the next, such as 30m or 6h.
    #[arg(long, env = "GANGWAY_BACKUP_EVERY", default_value = "6h", value_parser = upkeep::interval)]
    backup_every: Duration,
    /// How many copies are kept, the newest.
    #[arg(long, env = "GANGWAY_BACKUP_KEEP", default_value = "28", value_parser = upkeep::count)]
    backup_keep: usize,
    /// Where the list to run the venue from on paper goes; `bailout` in the data folder where it is not said.
    #[arg(long, env = "GANGWAY_BAILOUT_DIR")]
    bailout_dir: Option<PathBuf>,
    /// From one list to the next, such as 10m.
    #[arg(long, env = "GANGWAY_BAILOUT_EVERY", default_value = "10m", value_parser = upkeep::interval)]
    bailout_every: Duration,
    /// How the logs on stderr are written.
    #[arg(long, env = "GANGWAY_LOG_FORMAT", default_value = "pretty")]
    log_format: LogFormat,
    /// A file that says the same as these flags, in TOML; they and the environment come before it.
    #[arg(long, env = "GANGWAY_CONFIG")]
    config: Option<PathBuf>,
    /// Only look whether the configuration can be right.
    #[arg(long)]
    check_config: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Json,
    Pretty,
}

fn main() -> ExitCode {
    let given = std::env::args_os().collect();
    let arguments = match configuration::with_file(Arguments::command(), given) {
        Ok(arguments) => arguments,
        Err(failure) => return failure.end(),
    };
    let order = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(error) => return usage(&error),
    };
    let done = match order {
        Order::Serve(serve) => {
            let _logs = log_to_stderr(serve.log_format);
            run(*serve)
        }
        Order::Token(token) => {
            let _logs = log_to_stderr(LogFormat::Pretty);
            make_code(token)
        }
        Order::Cert(certify) => certify.run(),
        Order::Backup(backup) => backup.run(),
        Order::Restore(restore) => restore.run(),
        Order::Verify(verify) => verify.run(),
        Order::Bailout(bailout) => bailout.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(),
    }
}

/// Why the program ends otherwise than asked.
struct Failure {
    code: u8,
    sentence: String,
}

impl Failure {
    fn fault(sentence: String) -> Self {
        Self { code: EXIT_FAULT, sentence }
    }

    fn end(self) -> ExitCode {
        eprintln!("{}", self.sentence);
        ExitCode::from(self.code)
    }
}

/// The folder that was named, or this user's own.
fn folder(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    named.or_else(default_folder).ok_or_else(|| Failure {
        code: EXIT_USAGE,
        sentence: "This user has no home folder: say where the venue is with --data-dir.".to_owned(),
    })
}

fn make_code(token: Token) -> Result<(), Failure> {
    let seal = token.tls_cert.as_deref().map(gangway_server::tls::seal_of).transpose();
    let seal = seal.map_err(|error| Failure { code: EXIT_USAGE, sentence: error.to_string() })?.flatten();
    let made = gangway_server::make_code(&folder(token.data_dir)?, token.role).map_err(not_started)?;
    let line = serde_json::json!({
        "pairingCode": gangway_server::tls::sealed(&made.code, seal.as_deref()), "role": made.role.as_str(), "expiresAt": made.expires_at.to_iso(),
    });
    say(&line).map_err(|error| Failure::fault(format!("The code can't be written: {error}.")))
}

fn not_started(error: StartError) -> Failure {
    let code = if matches!(error, StartError::Options(_)) { EXIT_USAGE } else { EXIT_FAULT };
    Failure { code, sentence: error.to_string() }
}

fn run(serve: Serve) -> Result<(), Failure> {
    let check_config = serve.check_config;
    let options = options(serve)?;
    if check_config {
        return check(&options);
    }
    // Before the server starts, so that a signal while it starts is not lost.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::fault(format!("The machine gives no runtime: {error}.")))?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen().map_err(|error| Failure::fault(format!("Signals can't be listened to: {error}.")))?
    };
    let running = gangway_server::start(options).map_err(not_started)?;
    say_ready(running.ready()).map_err(|error| Failure::fault(format!("The ready line can't be written: {error}.")))?;
    runtime.block_on(signals.next());
    tracing::info!("asked to end");
    running.stop().map_err(|error| Failure::fault(error.to_string()))
}

fn options(serve: Serve) -> Result<ServeOptions, Failure> {
    Ok(ServeOptions {
        listen: serve.listen,
        data_dir: folder(serve.data_dir)?,
        venue: serve.venue,
        demo: serve.demo,
        insecure_open: serve.insecure_open,
        allow_origins: serve.allow_origin,
        tls: serve.tls_cert.zip(serve.tls_key).map(|(certificate, key)| TlsFiles { certificate, key }),
        backups: serve.backup_dir.map(|dir| Backups { dir, every: serve.backup_every, keep: serve.backup_keep }),
        bailouts: Bailouts { dir: serve.bailout_dir, every: serve.bailout_every },
    })
}

/// Says what a server would start with; nothing is made or changed.
fn check(options: &ServeOptions) -> Result<(), Failure> {
    options.check().map_err(not_started)?;
    let line = serde_json::json!({
        "valid": true, "listen": options.listen.to_string(), "dataDir": options.data_dir,
        "tls": options.tls.is_some(), "insecureOpen": options.insecure_open, "allowOrigins": options.allow_origins,
        "backupDir": options.backups.as_ref().map(|backups| &backups.dir),
    });
    say(&line).map_err(|error| Failure::fault(format!("The result can't be written: {error}.")))
}

fn default_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "gangway").map(|dirs| dirs.data_dir().join("server"))
}

/// The one line on stdout that scripts wait for.
fn say_ready(ready: &Ready) -> std::io::Result<()> {
    let mut line = serde_json::json!({
        "ready": true, "listen": ready.listen.to_string(), "venueId": ready.venue_id, "epoch": ready.epoch,
    });
    if let Some(code) = &ready.pairing_code {
        line["pairingCode"] = serde_json::json!(code);
    }
    say(&line)
}

/// One line on stdout.
fn say(line: &serde_json::Value) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Logs on a thread of their own: whoever reads stderr slowly, or not at all, must not stop the server.
/// What waits is written when the guard goes.
fn log_to_stderr(format: LogFormat) -> tracing_appender::non_blocking::WorkerGuard {
    let (stderr, guard) = tracing_appender::non_blocking(std::io::stderr());
    let filter = EnvFilter::try_from_env("GANGWAY_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,socketioxide=warn,engineioxide=warn,refinery_core=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Pretty => builder.with_ansi(false).init(),
    }
    guard
}

/// What clap has to say, in one sentence where it is a refusal.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprintln!("Say what to do, such as `gangway-server serve`; `gangway-server --help` says what there is.");
        return ExitCode::from(EXIT_USAGE);
    }
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut first = lines.next().unwrap_or("The flags are not right.").to_owned();
    if error.kind() == ErrorKind::MissingRequiredArgument {
        // What is missing stands on lines of its own.
        let missing: Vec<_> = lines.take_while(|line| line.starts_with("--")).collect();
        first = format!("{first} {}", missing.join(", "));
    }
    eprintln!("{}", first.trim_start_matches("error: "));
    ExitCode::from(EXIT_USAGE)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without a console to listen to, the program runs until it is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
