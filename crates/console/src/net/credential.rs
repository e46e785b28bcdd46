//! What lets this device in: the token that the server gave it, shared by both edges and kept in a file that its owner
//! alone can read.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The file's name in the data folder, beside the outbox.
const FILE: &str = "token.json";

/// The token, if there is one. Clones share it: what pairing gives counts from the next call on.
#[derive(Clone, Default)]
pub struct Credential {
    token: Arc<RwLock<Option<Token>>>,
}

/// A token, and whom it is for.
#[derive(Clone, Deserialize, Serialize)]
pub struct Token {
    /// Lets this device in.
    pub token: String,
    /// The server's name, where nothing but the system's authorities says who it is: another name is somebody else. None
    /// where the venue's own authority says so, or the machine itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl fmt::Debug for Credential {
    // A token never gets into a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credential").field("given", &self.token().is_some()).finish()
    }
}

impl Credential {
    /// With `token`, or none yet.
    pub fn new(token: Option<Token>) -> Self {
        Self { token: Arc::new(RwLock::new(token)) }
    }

    /// The token.
    pub fn token(&self) -> Option<Token> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token, for a server to which it can be sent: it never travels in the clear, and to nobody it is not for.
    pub fn token_for(&self, server: &Url) -> Option<String> {
        let is_for = |token: &Token| token.host.as_deref().is_none_or(|host| server.host_str() == Some(host));
        self.token().filter(|token| is_private(server) && is_for(token)).map(|token| token.token)
    }

    /// From now on it is this one.
    pub fn adopt(&self, token: Token) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }
}

/// The code of a server that nobody is paired with, because whoever is on the way could read along.
pub const NOT_PRIVATE: &str = "not_private";

/// Whether nobody on the way can read what is sent: TLS, or a server on this machine.
pub fn is_private(server: &Url) -> bool {
    let is_loopback = match server.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    is_loopback || server.scheme() == "https"
}

impl Token {
    /// One that somebody named by hand, for the server that he named.
    pub fn given(token: String) -> Self {
        Self { token, host: None }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The token that was stored in `folder`; one that can't be read counts as none, and the desk is paired again.
pub fn stored(folder: &Path) -> Option<Token> {
    let text = match fs::read_to_string(file(folder)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::error!(%error, "this desk's token can't be read");
            return None;
        }
    };
    match serde_json::from_str::<Token>(&text) {
        // What can't be sent must not stop the start either.
        Ok(stored) if stored.token.bytes().all(|byte| byte.is_ascii_graphic()) => Some(stored),
        Ok(_) => {
            tracing::error!("this desk's token can't be read: it is none");
            None
        }
        // What is wrong with it would quote it.
        Err(_) => {
            tracing::error!("this desk's token can't be read: its file is no JSON");
            None
        }
    }
}

/// Stores `token` in `folder`: whole or not at all, and readable by its owner alone from its first byte on.
///
/// # Errors
/// The disk refused; the one that was stored before is still there.
pub fn store(folder: &Path, token: &Token) -> io::Result<()> {
    let fresh = folder.join(format!("{FILE}.new"));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut written = options.open(&fresh)?;
    written.write_all(&serde_json::to_vec(token)?)?;
    written.sync_all()?;
    fs::rename(&fresh, file(folder))?;
    // So that the name outlives a power cut too.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_stored_for_its_owner_alone_and_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(stored(folder.path()).is_none());
        fs::write(folder.path().join("token.json.new"), "broken off").expect("written");
        for token in ["gwt_1", "gwt_2"] {
            store(folder.path(), &Token::given(token.to_owned())).expect("stored");
            assert_eq!(stored(folder.path()).map(|stored| stored.token).as_deref(), Some(token));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(file(folder.path())).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn one_that_can_not_be_read_counts_as_none() {
        let folder = tempfile::tempdir().expect("a folder");
        for text in ["{", r#"{"token":"gwt_\n1"}"#, r#"{"token":7}"#] {
            fs::write(file(folder.path()), text).expect("written");
            assert!(stored(folder.path()).is_none(), "{text}");
        }
    }

    #[test]
    fn it_is_sent_over_tls_or_within_this_machine_alone() {
        let credential = Credential::new(Some(Token::given("gwt_1".to_owned())));
        let sent = |url: &str| credential.token_for(&Url::parse(url).expect("an address")).is_some();
        for private in ["https://venue.example", "http://127.0.0.1:8787", "http://localhost:1", "http://[::1]:8787"] {
            assert!(sent(private), "{private}");
        }
        for open in ["http://venue.example", "http://192.168.1.5:8787", "http://localhost.example"] {
            assert!(!sent(open), "{open}");
        }
    }

    #[test]
    fn one_that_only_the_servers_name_vouches_for_is_for_that_name_alone() {
        let token = Token { token: "gwt_1".to_owned(), host: Some("venue.example".to_owned()) };
        let credential = Credential::new(Some(token));
        let sent = |url: &str| credential.token_for(&Url::parse(url).expect("an address")).is_some();
        assert!(sent("https://venue.example:8787") && !sent("https://venue.exmaple") && !sent("http://127.0.0.1"));
    }

    #[test]
    fn it_is_not_printed() {
        let credential = Credential::new(Some(Token::given("gwt_secret".to_owned())));
        assert!(!format!("{credential:?}").contains("secret"));
    }
}
