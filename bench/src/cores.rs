//! Which cores the server and the generator run on, and how many files this machine lets them open.
//! It must not know what runs there.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The server's cores, as taskset takes them.
    pub server: String,
    /// The generator's cores.
    pub generator: Vec<usize>,
}

impl Placement {
    /// True when the generator has a core that the server does not use.
    pub fn is_apart(&self) -> bool {
        self.generator.iter().any(|core| !self.server.split(',').any(|used| used == core.to_string()))
    }
}

/// The cores that this process may use, lowest first.
///
/// # Errors
/// What sched_getaffinity says.
pub fn available() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
}

/// Always two cores, however many there are, so that figures of different machines mean the same: one for
/// each side with one shard, both for both with more. On a machine with a single core everything shares it.
pub fn place(cores: &[usize], shards: usize) -> Placement {
    let used = &cores[..cores.len().min(2)];
    let (server, generator) = match used {
        [server, generator] if shards == 1 => (&[*server][..], &[*generator][..]),
        _ => (used, used),
    };
    let server: Vec<String> = server.iter().map(usize::to_string).collect();
    Placement { server: server.join(","), generator: generator.to_vec() }
}

/// Pins this thread, and with it every process that it starts from now on.
///
/// # Errors
/// What sched_setaffinity says.
pub fn pin_this_thread(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Raises the limit of open files as far as the machine allows, for this process and those it starts. Returns
/// the limit reached.
pub fn raise_open_files_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Refused: then the old limit stands, and the caller is told so.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shard_leaves_the_other_core_to_the_generator() {
        let placement = place(&[2, 5, 7], 1);
        assert_eq!(placement, Placement { server: "2".to_owned(), generator: vec![5] });
        assert!(placement.is_apart());
    }

    #[test]
    fn two_shards_and_the_generator_share_both_cores() {
        let placement = place(&[2, 5, 7], 2);
        assert_eq!(placement, Placement { server: "2,5".to_owned(), generator: vec![2, 5] });
        assert!(!placement.is_apart());
    }

    #[test]
    fn a_single_core_is_shared() {
        assert!(!place(&[0], 1).is_apart());
    }
}
