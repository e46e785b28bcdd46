//! TLS in front of a link, with certificates that `openssl` makes for the test.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::launch::FakeClock;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// An authority of the test's own, and a certificate of `localhost` that it signed.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes them; `valid_from_days` is when the certificate begins to hold, counted from today, for ten days.
    ///
    /// # Errors
    /// `openssl` or `faketime` is not installed.
    pub fn new(valid_from_days: i32) -> Result<Self, String> {
        let made = Self { folder: TempDir::new().map_err(|error| error.to_string())? };
        let folder = made.folder.path();
        made.sign(folder, valid_from_days)?;
        Ok(made)
    }

    /// The same authority with another certificate.
    ///
    /// # Errors
    /// As [`Certificates::new`].
    pub fn renew(&self, valid_from_days: i32) -> Result<(), String> {
        self.sign(self.folder.path(), valid_from_days)
    }

    fn sign(&self, folder: &Path, valid_from_days: i32) -> Result<(), String> {
        let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        if !self.authority().is_file() {
            let authority = format!("req -x509 {new_key} -keyout ca.key -out ca.pem -days 30 -subj /CN=Authority");
            run(folder, "openssl", &authority)?;
        }
        run(folder, "openssl", &format!("req {new_key} -keyout leaf.key -out leaf.csr -subj /CN=localhost"))?;
        std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
            .map_err(|error| error.to_string())?;
        let leaf = "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -out leaf.pem -days 10 -extfile names";
        run_at(folder, Some(&FakeClock::ahead_by(i64::from(valid_from_days) * DAY_SECONDS)?), "openssl", leaf)
    }

    /// The authority's certificate, for who is to trust it.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

fn run(folder: &Path, program: &str, arguments: &str) -> Result<(), String> {
    run_at(folder, None, program, arguments)
}

fn run_at(folder: &Path, clock: Option<&FakeClock>, program: &str, arguments: &str) -> Result<(), String> {
    let environment = clock.map(FakeClock::environment).unwrap_or_default();
    let output = Command::new(program).args(arguments.split(' ')).current_dir(folder).envs(environment).output();
    let output = output.map_err(|error| format!("{program}: {error} (apt-get install {program})"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Speaks TLS to who connects.
pub(super) struct Acceptor(TlsAcceptor);

impl Acceptor {
    pub(super) fn new(certificates: &Certificates) -> Self {
        let file = |name: &str| certificates.folder.path().join(name);
        let chain = CertificateDer::pem_file_iter(file("leaf.pem")).expect("a file");
        let chain: Vec<_> = chain.collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(file("leaf.key")).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth().with_single_cert(chain, key).expect("they fit");
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    pub(super) async fn accept(&self, client: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.0.accept(client).await
    }
}
