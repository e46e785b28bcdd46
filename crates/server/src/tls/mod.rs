//! TLS: the certificate that a server shows, and the seal by which a new device knows the venue's own authority.

mod authority;

use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use x509_parser::{parse_x509_certificate, time::ASN1Time};

pub use authority::{Made, make};

use crate::access::CODE_LETTERS;

/// Letters of a seal; each is 5 bits. Nobody finds another authority with the same 80 bits.
pub const SEAL_LENGTH: usize = 16;
/// A seal is shown in groups of so many letters.
const GROUP: usize = 4;
/// Time to renew is said so many days before the end.
pub const RENEW_DAYS: i64 = 30;
const DAY_SECONDS: i64 = 86_400;

/// Why a certificate can't be used; one sentence.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file can't be read or written.
    #[error("{0} can't be used: {1}.")]
    File(String, io::Error),
    /// It holds something else.
    #[error("{0} holds no {1} in PEM.")]
    NoPem(String, &'static str),
    /// The key is not the certificate's, or of a kind that is not known.
    #[error("The certificate and the key don't go together: {0}.")]
    Unfit(rustls::Error),
    /// It counts no more.
    #[error("The certificate in {0} ended at {1}. `gangway-server cert` makes a new one.")]
    Ended(String, String),
    /// It can't be made.
    #[error("The certificate can't be made: {0}.")]
    NotMade(#[from] rcgen::Error),
    /// A name that is neither a host's nor an address.
    #[error("{0:?} is no host name or address.")]
    Name(String),
}

/// What a server shows to who connects.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    seal: Option<String>,
    expires_s: i64,
}

impl Tls {
    /// Reads a chain, the server's certificate first, and its key; `now_s` is Unix time.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn load(certificate: &Path, key: &Path, now_s: i64) -> Result<Self, TlsError> {
        let chain = chain(certificate)?;
        let read = read(key)?;
        let key = PrivateKeyDer::from_pem_slice(&read)
            .map_err(|_| TlsError::NoPem(key.display().to_string(), "private key"))?;
        let expires_s = expires_s(&chain).unwrap_or(i64::MAX);
        if expires_s <= now_s {
            let ended = jiff::Timestamp::from_second(expires_s)
                .map_or_else(|_| "an earlier time".to_owned(), |at| at.to_string());
            return Err(TlsError::Ended(certificate.display().to_string(), ended));
        }
        let seal = seal(&chain);
        // The one that reqwest and the console use as well.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.map_err(TlsError::Unfit)?.with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.map_err(TlsError::Unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), seal, expires_s })
    }

    /// Shakes hands.
    pub fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// By it a new device knows the venue's own authority; none where a public one has signed.
    pub fn seal(&self) -> Option<&str> {
        self.seal.as_deref()
    }

    /// Unix time from which the certificate counts no more.
    pub fn expires_s(&self) -> i64 {
        self.expires_s
    }

    /// Days until then.
    pub fn days_left(&self, now_s: i64) -> i64 {
        (self.expires_s - now_s) / DAY_SECONDS
    }
}

/// The seal of the authority at the end of the chain in the file `certificate`, if it is a venue's own.
///
/// # Errors
/// The file can't be read, or holds no certificate.
pub fn seal_of(certificate: &Path) -> Result<Option<String>, TlsError> {
    Ok(seal(&chain(certificate)?))
}

/// `code` with the seal behind it, as people read it.
pub fn sealed(code: &str, seal: Option<&str>) -> String {
    let Some(seal) = seal else { return code.to_owned() };
    let letters: Vec<char> = seal.chars().collect();
    let groups = letters.chunks(GROUP).map(|group| group.iter().collect::<String>());
    [code.to_owned()].into_iter().chain(groups).collect::<Vec<_>>().join("-")
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| TlsError::File(file.display().to_string(), error))
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read).collect();
    let chain = chain.unwrap_or_default();
    if chain.is_empty() {
        return Err(TlsError::NoPem(file.display().to_string(), "certificate"));
    }
    Ok(chain)
}

/// What signs itself and another: who is given only the other has to know it. Public authorities are left out of chains,
/// since whoever believes them has them. A certificate that signs itself alone is nobody's authority.
fn seal(chain: &[CertificateDer<'_>]) -> Option<String> {
    let [_, .., last] = chain else { return None };
    let (_, parsed) = parse_x509_certificate(last).ok()?;
    if parsed.issuer() != parsed.subject() {
        return None;
    }
    Some(seal_letters(last))
}

/// The first 80 bits of the SHA-256 of a certificate, in the letters of pairing codes.
fn seal_letters(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate);
    let mut bits = 0_u128;
    for byte in &digest[..SEAL_LENGTH * 5 / 8] {
        bits = (bits << 8) | u128::from(*byte);
    }
    let letter = |index: usize| {
        let five = (bits >> (5 * (SEAL_LENGTH - 1 - index))) & 31;
        char::from(CODE_LETTERS[usize::try_from(five).unwrap_or(0)])
    };
    (0..SEAL_LENGTH).map(letter).collect()
}

/// When the first of the chain ends.
fn expires_s(chain: &[CertificateDer<'_>]) -> Option<i64> {
    let ends = |certificate: &CertificateDer<'_>| {
        let (_, parsed) = parse_x509_certificate(certificate).ok()?;
        let after: ASN1Time = parsed.validity().not_after;
        Some(after.timestamp())
    };
    chain.iter().filter_map(ends).min()
}
