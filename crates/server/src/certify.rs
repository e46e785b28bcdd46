//! `gangway-server cert`: makes the venue's own authority, and the certificate that its server shows.

use std::path::PathBuf;

use gangway_server::tls::{self, TlsError};
use jiff::Timestamp;
use serde_json::json;

use crate::{EXIT_USAGE, Failure, folder, say};

#[derive(clap::Args)]
pub struct Certify {
    /// A name or an address by which desks reach the server; may be repeated.
    #[arg(long, env = "GANGWAY_HOST", required = true, value_delimiter = ',', num_args = 1..)]
    host: Vec<String>,
    /// Where the files go; `tls` in the data folder where it is not said.
    #[arg(long, env = "GANGWAY_TLS_DIR")]
    dir: Option<PathBuf>,
    /// The folder that holds the venue.
    #[arg(long, env = "GANGWAY_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

impl Certify {
    /// One line of JSON on stdout says what was made.
    pub fn run(self) -> Result<(), Failure> {
        let dir = match self.dir {
            Some(dir) => dir,
            None => folder(self.data_dir)?.join("tls"),
        };
        let made = tls::make(&dir, &self.host, Timestamp::now()).map_err(|error| match error {
            TlsError::Name(_) => Failure { code: EXIT_USAGE, sentence: format!("--host: {error}") },
            other => Failure::fault(other.to_string()),
        })?;
        let line = json!({
            "certificate": made.certificate, "key": made.key, "authority": made.authority,
            "authorityKept": made.authority_kept, "seal": made.seal, "expiresAt": made.expires_at.to_string(),
        });
        say(&line).map_err(|error| Failure::fault(format!("What was made can't be written: {error}.")))
    }
}
