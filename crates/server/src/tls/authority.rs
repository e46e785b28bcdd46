//! A venue's own authority, and the certificates that it gives: `gangway-server cert`.

use std::{
    fs::{self, File},
    io::Write,
    net::IpAddr,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use time::OffsetDateTime;

use super::{TlsError, seal_of};

/// Days that an authority counts: whoever pinned it would have to be paired again.
const AUTHORITY_DAYS: i64 = 10 * 365;
/// Days that a server's certificate counts.
const SERVER_DAYS: i64 = 2 * 365;
/// Days before it is made from which it counts: a desk with a wrong clock must get in all the same.
const BEFORE_DAYS: i64 = 365;

const AUTHORITY: &str = "authority.pem";
const AUTHORITY_KEY: &str = "authority-key.pem";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server-key.pem";

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The venue's authority, for devices that are not paired by a code with a seal.
    pub authority: PathBuf,
    /// Whether it was there before.
    pub authority_kept: bool,
    /// Its seal.
    pub seal: String,
    /// `--tls-cert`: the server's certificate and the authority.
    pub certificate: PathBuf,
    /// `--tls-key`.
    pub key: PathBuf,
    /// From then on the server's certificate counts no more.
    pub expires_at: Timestamp,
}

/// Makes a certificate for a server that is reached by `names`, signed by the authority in `folder`, which is made if
/// it is not there.
///
/// # Errors
/// See [`TlsError`]; an authority that is there and can't be used is left as it is.
pub fn make(folder: &Path, names: &[String], now: Timestamp) -> Result<Made, TlsError> {
    let names = names.iter().map(|name| san(name)).collect::<Result<Vec<_>, _>>()?;
    private_folder(folder)?;
    let (authority, authority_key) = (folder.join(AUTHORITY), folder.join(AUTHORITY_KEY));
    let authority_kept = authority.exists() || authority_key.exists();
    if !authority_kept {
        let key = KeyPair::generate()?;
        let mut params = params("Gangway venue authority", now, AUTHORITY_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let made = params.self_signed(&key)?;
        write(&authority_key, &key.serialize_pem(), true)?;
        write(&authority, &made.pem(), false)?;
    }
    let authority_pem = text(&authority)?;
    let issuer_key = KeyPair::from_pem(&text(&authority_key)?)?;
    let issuer = Issuer::from_ca_cert_pem(&authority_pem, issuer_key)?;
    let key = KeyPair::generate()?;
    let mut params = params("Gangway server", now, SERVER_DAYS);
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let made = params.signed_by(&key, &issuer)?;
    let (certificate, server_key) = (folder.join(SERVER), folder.join(SERVER_KEY));
    write(&server_key, &key.serialize_pem(), true)?;
    write(&certificate, &format!("{}{authority_pem}", made.pem()), false)?;
    let none = || TlsError::NoPem(authority.display().to_string(), "authority of a venue");
    let seal = seal_of(&certificate)?.ok_or_else(none)?;
    let expires_at = now + SignedDuration::from_hours(24 * SERVER_DAYS);
    Ok(Made { authority, authority_kept, seal, certificate, key: server_key, expires_at })
}

fn params(name: &str, now: Timestamp, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date(now - SignedDuration::from_hours(24 * BEFORE_DAYS));
    params.not_after = date(now + SignedDuration::from_hours(24 * days));
    params
}

/// Certificates are told apart by seconds; what can't be said is far away anyway.
fn date(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or_else(|_| date_time_ymd(2100, 1, 1))
}

fn san(name: &str) -> Result<SanType, TlsError> {
    let unfit = || TlsError::Name(name.to_owned());
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let label = |label: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(is_letter)
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(unfit());
    }
    Ok(SanType::DnsName(name.try_into().map_err(|_| unfit())?))
}

fn text(file: &Path) -> Result<String, TlsError> {
    fs::read_to_string(file).map_err(|error| TlsError::File(file.display().to_string(), error))
}

fn private_folder(folder: &Path) -> Result<(), TlsError> {
    let made = fs::create_dir_all(folder);
    made.map_err(|error| TlsError::File(folder.display().to_string(), error))
}

/// Whole or not at all; a key is its owner's alone from its first byte on.
fn write(file: &Path, text: &str, is_secret: bool) -> Result<(), TlsError> {
    let unusable = |error| TlsError::File(file.display().to_string(), error);
    let fresh = file.with_extension("pem.new");
    if fresh.exists() {
        fs::remove_file(&fresh).map_err(unusable)?;
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if is_secret { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = is_secret;
    let mut written = options.open(&fresh).map_err(unusable)?;
    written.write_all(text.as_bytes()).map_err(unusable)?;
    written.sync_all().map_err(unusable)?;
    fs::rename(&fresh, file).map_err(unusable)
}
