//! The data folder of this desk: where it is, who may read it, and that one program at a time uses it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

const LOCK: &str = "gangway.lock";

/// The folder for the user that runs this, or the one that was asked for.
pub fn locate(asked: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(asked) = asked {
        return std::path::absolute(asked).context("the folder of --data-dir has no path");
    }
    let dirs = directories::ProjectDirs::from("app", "", "gangway")
        .context("this user has no home folder; name a folder with --data-dir")?;
    Ok(dirs.data_dir().to_owned())
}

/// Makes `folder`, readable for its owner only: it holds what visitors bought.
pub fn create(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("the data folder {} can't be made", folder.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("the data folder {} can't be closed to others", folder.display()))?;
    }
    Ok(())
}

/// Holds the folder for this process until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Held {
    _lock: File,
}

/// Takes the folder, or says who has it.
pub fn hold(folder: &Path) -> anyhow::Result<Held> {
    let path = folder.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("the data folder {} can't be written", folder.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Held { _lock: file }),
        Err(TryLockError::WouldBlock) => bail!(
            "another Gangway is open on the data folder {}; use its window, or name another folder with --data-dir",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("the data folder {} can't be locked", folder.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("desk");
        create(&folder).expect("made");
        let first = hold(&folder).expect("free");
        let refusal = hold(&folder).expect_err("taken").to_string();
        assert!(refusal.contains("another Gangway is open"), "{refusal}");
        drop(first);
        hold(&folder).expect("free again");
    }

    #[cfg(unix)]
    #[test]
    fn others_can_not_look_inside() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("a/desk");
        create(&folder).expect("made");
        let mode = std::fs::metadata(&folder).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
