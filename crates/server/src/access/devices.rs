//! The devices that may call, in memory; the store has the same.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use gangway_domain::{
    ids::DeviceId,
    time::{Millis, SECOND_MS, VenueTime},
};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Role, guesses::Guesses};
use crate::{
    clock::{Clock, Secrets},
    realtime::{Profile, sockets::Sockets},
    store::{StoreError, StoredCode, StoredDevice, View, threads::StoreThreads},
    tls::SEAL_LENGTH,
};

/// How long a pairing code counts.
const CODE_VALID_MS: Millis = 15 * 60 * SECOND_MS;
/// What a code is written with: no letter that is taken for a digit, 32 of them.
pub const CODE_LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Letters of a code; each is 5 bits.
const CODE_LENGTH: usize = 8;
/// What a token begins with, so that people and scanners for secrets know one.
const TOKEN_PREFIX: &str = "gwt_";
/// The longest token that is looked at.
const TOKEN_MAX: usize = 128;
/// When a device called is stored about so often.
const SEEN_EVERY_MS: Millis = 60 * SECOND_MS;
/// Requests a second of one token (`contract.md`, Bounds).
const RATE: NonZeroU32 = NonZeroU32::new(200).expect("not zero");
/// Requests at once.
const BURST: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What it may do.
    pub role: Role,
    /// The device whose token it has; none under `--insecure-open`.
    pub device: Option<DeviceId>,
}

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// No token, or none that was ever given.
    #[error("A token is needed.")]
    Unauthorized,
    /// One that counts no more.
    #[error("This device was removed. It has to be paired again.")]
    Revoked,
    /// Too many requests.
    #[error("Too many requests at once.")]
    TooMany,
}

/// What pairing gave.
#[derive(Debug)]
pub enum Paired {
    /// The device and its token, which nobody can ask for again.
    Device(Arc<Device>, String),
    /// No such code, or it counts no more.
    WrongCode,
    /// A device of that id uses a token that counts.
    Taken,
}

/// A device that was paired.
#[derive(Debug)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it got its token.
    pub paired_at: VenueTime,
    /// Since when its token counts no more.
    pub revoked_at: Option<VenueTime>,
    /// When it called last, in ms; 0: never.
    seen_ms: AtomicI64,
    /// What of that was stored.
    stored_ms: AtomicI64,
    rate: DefaultDirectRateLimiter,
}

impl Device {
    fn read(stored: &StoredDevice) -> Option<Self> {
        let seen_ms = stored.seen_at.map_or(0, |at| at.0);
        Some(Self {
            id: stored.id.clone(),
            name: stored.name.clone(),
            role: Role::parse(&stored.role)?,
            paired_at: stored.paired_at,
            revoked_at: stored.revoked_at,
            seen_ms: AtomicI64::new(seen_ms),
            stored_ms: AtomicI64::new(seen_ms),
            rate: RateLimiter::direct(Quota::per_second(RATE).allow_burst(BURST)),
        })
    }

    /// When it called last.
    pub fn seen_at(&self) -> Option<VenueTime> {
        Some(self.seen_ms.load(Relaxed)).filter(|ms| *ms > 0).map(VenueTime)
    }
}

/// Who may call, and how somebody new may.
pub struct Access {
    open: bool,
    store: StoreThreads,
    clock: Arc<dyn Clock>,
    secrets: Arc<dyn Secrets>,
    sockets: Arc<Sockets>,
    /// By the hash of their token.
    devices: RwLock<HashMap<String, Arc<Device>>>,
    /// Who guessed at codes.
    pub guesses: Guesses,
}

/// Reads the devices; one whose role is not known here may do nothing.
///
/// # Errors
/// The store failed.
pub fn load(view: &dyn View) -> Result<HashMap<String, Arc<Device>>, StoreError> {
    let stored = view.devices()?;
    let known = stored.iter().filter_map(|stored| Some((stored.token_hash.clone(), Arc::new(Device::read(stored)?))));
    Ok(known.collect())
}

impl Access {
    /// `open`: no tokens, everybody is a manager.
    pub fn new(
        open: bool,
        devices: HashMap<String, Arc<Device>>,
        (store, sockets): (StoreThreads, Arc<Sockets>),
        (clock, secrets): (Arc<dyn Clock>, Arc<dyn Secrets>),
    ) -> Self {
        Self { open, store, clock, secrets, sockets, devices: RwLock::new(devices), guesses: Guesses::default() }
    }

    /// Who has `token`.
    ///
    /// # Errors
    /// Nobody who may call, or one that calls too often.
    pub fn identify(&self, token: Option<&str>) -> Result<Identity, Denied> {
        if self.open {
            return Ok(Identity { role: Role::Manager, device: None });
        }
        let token = token.filter(|token| token.len() <= TOKEN_MAX).ok_or(Denied::Unauthorized)?;
        let found = self.table().get(&hash(token)).cloned();
        let device = found.ok_or(Denied::Unauthorized)?;
        if device.revoked_at.is_some() {
            return Err(Denied::Revoked);
        }
        device.rate.check().map_err(|_| Denied::TooMany)?;
        self.saw(&device);
        Ok(Identity { role: device.role, device: Some(device.id.clone()) })
    }

    /// Whether the device of a socket that is just joining still counts: it may have been removed meanwhile.
    pub fn counts(&self, identity: &Identity) -> bool {
        let Some(id) = &identity.device else { return self.open };
        self.table().values().any(|device| device.id == *id && device.revoked_at.is_none())
    }

    fn saw(&self, device: &Device) {
        let now = self.clock.now();
        device.seen_ms.store(now.0, Relaxed);
        if now.0 - device.stored_ms.load(Relaxed) < SEEN_EVERY_MS {
            return;
        }
        device.stored_ms.store(now.0, Relaxed);
        let (store, id) = (self.store.clone(), device.id.clone());
        tokio::spawn(async move {
            let saw = store.change(move |transaction| transaction.saw_device(&id, now)).await;
            if let Err(error) = saw {
                tracing::debug!(%error, "when a device called could not be stored");
            }
        });
    }

    fn table(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Arc<Device>>> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// All devices, the oldest first.
    pub fn devices(&self) -> Vec<Arc<Device>> {
        let mut devices: Vec<Arc<Device>> = self.table().values().cloned().collect();
        devices.sort_by(|a, b| (a.paired_at, a.id.as_str()).cmp(&(b.paired_at, b.id.as_str())));
        devices
    }

    /// Whether a device with that role may call.
    pub fn has(&self, role: Role) -> bool {
        self.table().values().any(|device| device.role == role && device.revoked_at.is_none())
    }

    /// The rooms that anybody may be in: packets for others are not made.
    pub fn rooms(&self) -> Vec<Profile> {
        let mut rooms = Profile::ALL.to_vec();
        rooms.extend(self.has(Role::Kiosk).then_some(Profile::Kiosk));
        rooms.extend(self.has(Role::Display).then_some(Profile::Display));
        rooms
    }

    /// Makes a code by which one device gets a token for `role`, and says until when.
    ///
    /// # Errors
    /// The store failed, or the system has no randomness.
    pub async fn make_code(&self, role: Role) -> Result<(String, VenueTime), StoreError> {
        let secret = self.secret()?;
        let letters = secret.iter().take(CODE_LENGTH).map(|byte| char::from(CODE_LETTERS[usize::from(byte % 32)]));
        let code: String = letters.collect();
        let expires_at = self.clock.now().plus(CODE_VALID_MS);
        let stored = StoredCode { code_hash: hash(&code), role: role.as_str().to_owned(), expires_at };
        self.store.change(move |transaction| transaction.put_code(&stored)).await?;
        let (first, last) = code.split_at(CODE_LENGTH / 2);
        Ok((format!("{first}-{last}"), expires_at))
    }

    /// Gives a token for `code`, once: to the device that says its `id`, or to a new one.
    ///
    /// # Errors
    /// The store failed, or the system has no randomness.
    pub async fn pair(&self, code: &str, name: String, id: DeviceId) -> Result<Paired, StoreError> {
        let now = self.clock.now();
        let code = hash(&plain(code));
        let token = format!("{TOKEN_PREFIX}{}", hex(&self.secret()?));
        let token_hash = hash(&token);
        let stored = token_hash.clone();
        // A token that never was used may have been lost on its way: the device asks again.
        let is_used =
            |device: &Arc<Device>| device.id == id && device.revoked_at.is_none() && device.seen_at().is_some();
        let taken = self.table().values().any(is_used);
        let paired = self.store.change(move |transaction| {
            let Some(code) = transaction.take_code(&code, now)? else { return Ok(None) };
            // Nobody becomes a device that somebody else is; the code is still good for another.
            if taken {
                transaction.put_code(&code)?;
                return Ok(Some(None));
            }
            let device = StoredDevice {
                id,
                name,
                role: code.role,
                token_hash: stored,
                paired_at: now,
                seen_at: None,
                revoked_at: None,
            };
            transaction.put_device(&device)?;
            Ok(Some(Some(device)))
        });
        let device = match paired.await? {
            None => return Ok(Paired::WrongCode),
            Some(None) => return Ok(Paired::Taken),
            Some(Some(device)) => Device::read(&device).map(Arc::new),
        };
        let Some(device) = device else { return Ok(Paired::WrongCode) };
        let mut devices = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        // A device that comes back has one token, the new one.
        devices.retain(|_, known| known.id != device.id);
        devices.insert(token_hash, device.clone());
        tracing::info!(device = device.id.as_str(), name = device.name, role = device.role.as_str(), "paired");
        Ok(Paired::Device(device, token))
    }

    /// From now on a device's token counts no more; its sockets are closed. None: there is no such device.
    ///
    /// # Errors
    /// The store failed; then it still counts.
    pub async fn revoke(&self, id: &DeviceId) -> Result<Option<Arc<Device>>, StoreError> {
        let now = self.clock.now();
        let known = self.table().values().any(|device| device.id == *id);
        if !known {
            return Ok(None);
        }
        let stored = id.clone();
        let devices = self.store.change(move |transaction| {
            transaction.revoke_device(&stored, now)?;
            transaction.devices()
        });
        let stored = devices.await?.into_iter().find(|device| device.id == *id);
        let Some((hash, device)) = stored.and_then(|device| Some((device.token_hash.clone(), Device::read(&device)?)))
        else {
            return Ok(None);
        };
        let device = Arc::new(device);
        self.devices.write().unwrap_or_else(PoisonError::into_inner).insert(hash, device.clone());
        let closed = self.sockets.close_device(id);
        tracing::warn!(device = id.as_str(), name = device.name, closed, "a device was removed");
        Ok(Some(device))
    }

    fn secret(&self) -> Result<[u8; 32], StoreError> {
        let secret = self.secrets.secret();
        secret.map_err(|error| StoreError::Unusable(format!("The system gives no randomness: {error}.")))
    }
}

/// A code as it was made, however somebody typed it, with the seal behind it or without.
fn plain(code: &str) -> String {
    let letters = code.chars().filter(|letter| letter.is_ascii_alphanumeric());
    let mut letters: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
    if letters.len() == CODE_LENGTH + SEAL_LENGTH {
        letters.truncate(CODE_LENGTH);
    }
    letters
}

/// SHA-256 in hex. What is hashed has 40 bits for minutes or 256 for ever, so nothing slower is needed.
fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
