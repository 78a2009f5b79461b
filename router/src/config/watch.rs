//! Follows the map's file and puts each new version in force.
//!
//! Owns noticing a change; what makes a map good is decided by [`Config::reload`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::{Config, Reload};

/// Editors and `sfai-dsl` touch a file several times in a row; a change is read once it has been
/// quiet for this long.
const QUIET: Duration = Duration::from_millis(30);

/// Follows `path` until the returned watcher is dropped. `said` is called with what each change
/// did.
///
/// # Errors
/// When the system gives no watch on the file's folder.
pub fn follow(
    path: &Path,
    config: Arc<Config>,
    said: impl Fn(Reload) + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let path = std::path::absolute(path)?;
    let changed = Arc::new(Notify::new());
    let tell = Arc::clone(&changed);
    let name = path.file_name().map(ToOwned::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let ours = |event: notify::Event| {
            !event.kind.is_access()
                && event.paths.iter().any(|it| it.file_name() == name.as_deref())
        };
        // A watch that reports trouble may have missed a change: look.
        if event.map_or(true, ours) {
            tell.notify_one();
        }
    })?;
    // The folder, not the file: a file that is replaced by renaming takes its watch with it.
    let folder = path.parent().unwrap_or(&path);
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    tokio::spawn(reload_on(changed, path, config, said));
    Ok(watcher)
}

async fn reload_on(
    changed: Arc<Notify>,
    path: PathBuf,
    config: Arc<Config>,
    said: impl Fn(Reload),
) {
    loop {
        changed.notified().await;
        while tokio::time::timeout(QUIET, changed.notified()).await.is_ok() {}
        #[cfg(feature = "aws")]
        if let Some(cloud) = config.cloud() {
            // It reads the file, since the keys of a new map have to come, too.
            cloud.look(&config).await;
            continue;
        }
        said(match std::fs::read(&path) {
            Ok(bytes) => config.reload(&bytes, SystemTime::now()),
            Err(error) => config.refuse(format!("cannot read it: {error}")),
        });
    }
}
