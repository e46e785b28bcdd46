//! Whose certificates this device believes: the system's, or from pairing on the venue's own authority alone.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256};

/// The file's name in the data folder, beside the token.
const FILE: &str = "authority.pem";
/// What codes and seals are written with (the server's `access`).
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Letters of a code.
const CODE_LENGTH: usize = 8;
/// Letters of a seal; each is 5 bits.
const SEAL_LENGTH: usize = 16;

/// Whom this device believes. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pinned: Arc<RwLock<Pinned>>,
}

/// What pairing has pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pinned {
    /// Nothing: whom the system believes is believed.
    #[default]
    Nothing,
    /// This authority alone.
    Authority(CertificateDer<'static>),
    /// Something that can't be read any more: nobody is believed until the desk is paired again.
    Unreadable,
}

impl Trust {
    /// With what was pinned in `folder`.
    pub fn stored(folder: &Path) -> Self {
        let pinned = match fs::read(folder.join(FILE)) {
            Ok(text) => read(&text).map_or_else(
                |error| {
                    tracing::error!(error, "the venue's authority can't be read; nobody is believed");
                    Pinned::Unreadable
                },
                Pinned::Authority,
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Pinned::Nothing,
            Err(error) => {
                tracing::error!(%error, "the venue's authority can't be read; nobody is believed");
                Pinned::Unreadable
            }
        };
        Self { pinned: Arc::new(RwLock::new(pinned)) }
    }

    /// What is pinned.
    pub fn pinned(&self) -> Pinned {
        self.pinned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it is this one alone.
    pub fn pin(&self, authority: CertificateDer<'static>) {
        *self.pinned.write().unwrap_or_else(PoisonError::into_inner) = Pinned::Authority(authority);
    }
}

fn read(text: &[u8]) -> Result<CertificateDer<'static>, String> {
    let authority = CertificateDer::from_pem_slice(text).map_err(|error| error.to_string())?;
    // What can't be an authority would stop the start later.
    RootCertStore::empty().add(authority.clone()).map_err(|error| error.to_string())?;
    Ok(authority)
}

/// Keeps what is pinned in `folder`.
///
/// # Errors
/// The disk refused; what was kept before is still there.
pub fn store(folder: &Path, authority: &CertificateDer<'_>) -> io::Result<()> {
    let fresh = folder.join(format!("{FILE}.new"));
    let mut written = File::create(&fresh)?;
    let text = pem::encode(&pem::Pem::new("CERTIFICATE", authority.as_ref()));
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(&fresh, folder.join(FILE))?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// A code and the seal behind it, however somebody typed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What the server is told.
    pub code: String,
    /// What its authority has to be; none where the system knows who has signed.
    pub seal: Option<String>,
}

impl Sealed {
    /// Takes apart what was typed; the server judges the code. None: half a seal, which is sent to nobody.
    pub fn parse(typed: &str) -> Option<Self> {
        let letters: Vec<char> = typed.chars().filter(char::is_ascii_alphanumeric).collect();
        if letters.len() <= CODE_LENGTH {
            return Some(Self { code: typed.to_owned(), seal: None });
        }
        if letters.len() != CODE_LENGTH + SEAL_LENGTH {
            return None;
        }
        let upper = |letters: &[char]| letters.iter().map(char::to_ascii_uppercase).collect::<String>();
        let (code, seal) = letters.split_at(CODE_LENGTH);
        Some(Self { code: upper(code), seal: Some(upper(seal)) })
    }
}

/// The first 80 bits of the SHA-256 of a certificate, in the letters of codes.
fn seal_of(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate);
    let bits = digest[..SEAL_LENGTH * 5 / 8].iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let letter = |index: usize| {
        let five = (bits >> (5 * (SEAL_LENGTH - 1 - index))) & 31;
        char::from(LETTERS[usize::try_from(five).unwrap_or(0)])
    };
    (0..SEAL_LENGTH).map(letter).collect()
}

/// Believes a server whose chain ends in the authority of a seal, and remembers that authority.
#[derive(Debug)]
pub struct SealVerifier {
    seal: String,
    provider: Arc<CryptoProvider>,
    found: Mutex<Option<CertificateDer<'static>>>,
}

impl SealVerifier {
    /// For whoever shows the authority of `seal`.
    pub fn new(seal: String) -> Arc<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Arc::new(Self { seal, provider, found: Mutex::default() })
    }

    /// A client that believes this.
    ///
    /// # Errors
    /// The machine can't do TLS.
    pub fn config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let builder =
            ClientConfig::builder_with_provider(self.provider.clone()).with_safe_default_protocol_versions()?;
        Ok(builder.dangerous().with_custom_certificate_verifier(self.clone()).with_no_client_auth())
    }

    /// The authority, once a server has shown it.
    pub fn found(&self) -> Option<CertificateDer<'static>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn under(&self, authority: &CertificateDer<'_>) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone());
        builder.build().map_err(|error| Error::General(error.to_string()))
    }
}

impl ServerCertVerifier for SealVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = intermediates.iter().find(|certificate| seal_of(certificate) == self.seal);
        let authority =
            authority.ok_or_else(|| Error::General("the certificate is not of the code's venue".to_owned()))?;
        let verifier = self.under(authority)?;
        let verified = verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(authority.clone().into_owned());
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_apart_however_it_was_typed() {
        let sealed = Sealed::parse("abcd-efgh 2345-6789-ABCD-EFGH");
        assert_eq!(sealed, Some(Sealed { code: "ABCDEFGH".to_owned(), seal: Some("23456789ABCDEFGH".to_owned()) }));
        let plain = Sealed::parse("ABCD-EFGH");
        assert_eq!(plain, Some(Sealed { code: "ABCD-EFGH".to_owned(), seal: None }));
        for typed in ["ABCD-EFGH-2", "ABCD-EFGH-2345-6789-ABCD-EFG", "ABCD-EFGH-2345-6789-ABCD-EFGH-2"] {
            assert_eq!(Sealed::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_pin_that_can_not_be_read_lets_nobody_in() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Trust::stored(folder.path()).pinned(), Pinned::Nothing);
        store(folder.path(), &CertificateDer::from(vec![48, 3, 2, 1, 5])).expect("stored");
        assert_eq!(Trust::stored(folder.path()).pinned(), Pinned::Unreadable, "it is no certificate");
        fs::write(folder.path().join(FILE), "broken").expect("written");
        assert_eq!(Trust::stored(folder.path()).pinned(), Pinned::Unreadable);
    }
}
