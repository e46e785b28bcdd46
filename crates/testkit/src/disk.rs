//! A disk that is small enough to be filled, and that can be locked against writing.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::remains::Remains;

/// A file system of its own in memory; gone when dropped.
pub struct SmallDisk {
    folder: TempDir,
    _remains: Remains,
}

impl SmallDisk {
    /// Makes one with room for so many bytes.
    ///
    /// # Errors
    /// It is not permitted here: it takes root.
    pub fn with_room_for(bytes: u64) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let remains = Remains::new("disk", folder.path().display());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(folder.path());
        let output = mount.output().map_err(|error| format!("mount: {error}"))?;
        if output.status.success() {
            return Ok(Self { folder, _remains: remains });
        }
        Err(format!("mount: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file of nothing has room");
        let block = [0; 1 << 10];
        while file.write_all(&block).is_ok() {}
    }

    /// Makes the room again.
    pub fn clear(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }

    /// It can only be read from now on. Nobody may have a file open to write there.
    pub fn lock(&self) {
        self.remount("ro");
    }

    /// It can be written to again.
    pub fn unlock(&self) {
        self.remount("rw");
    }

    fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "it was mounted, and is not busy");
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there ends after it.
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}
