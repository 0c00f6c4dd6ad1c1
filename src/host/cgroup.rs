//! How much of the processors' time the cgroups of this process allow it.
//!
//! A quota of any cgroup from the process's own up to the root counts, and the smallest decides: systemd puts
//! a service's own quota under its slice's. Both versions of cgroups are looked at. This file must not know
//! who asks.

use std::path::{Path, PathBuf};

/// Where a hierarchy of cgroups that can limit processors is mounted.
struct Hierarchy {
    mounted_at: PathBuf,
    /// The cgroup that is shown there as the root, as `/proc/self/cgroup` names it.
    root: PathBuf,
    is_v2: bool,
}

/// The processors' worth of time that this process may use, if a cgroup limits it.
pub fn cpus() -> Option<f64> {
    cpus_in(Path::new("/"))
}

/// The same on a machine whose files lie in `machine`.
fn cpus_in(machine: &Path) -> Option<f64> {
    let read = |name: &str| std::fs::read_to_string(machine.join(name)).unwrap_or_default();
    let (mounts, cgroups) = (read("proc/self/mountinfo"), read("proc/self/cgroup"));
    let quotas = mounts.lines().filter_map(hierarchy).filter_map(|hierarchy| {
        let own = cgroups.lines().find_map(|line| own_cgroup(line, hierarchy.is_v2))?;
        smallest_quota(machine, &hierarchy, Path::new(own))
    });
    quotas.min_by(f64::total_cmp)
}

/// A line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)): root and place are fields 4 and 5; type and
/// options stand behind a dash.
fn hierarchy(line: &str) -> Option<Hierarchy> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (root, mounted_at) = (place.next()?, place.next()?);
    let mut kind = kind.split(' ');
    let is_v2 = match kind.next()? {
        "cgroup2" => true,
        "cgroup" if kind.nth(1)?.split(',').any(|option| option == "cpu") => false,
        _ => return None,
    };
    Some(Hierarchy { mounted_at: mounted_at.into(), root: root.into(), is_v2 })
}

/// The process's cgroup in a line `number:controllers:path` of `/proc/self/cgroup`, if it is of that
/// hierarchy. Version 2 names no controllers.
fn own_cgroup(line: &str, is_v2: bool) -> Option<&str> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let is_of_it = if is_v2 { controllers.is_empty() } else { controllers.split(',').any(|it| it == "cpu") };
    is_of_it.then_some(path)
}

fn smallest_quota(machine: &Path, hierarchy: &Hierarchy, own: &Path) -> Option<f64> {
    let folder = |path: &Path| machine.join(path.strip_prefix("/").unwrap_or(path));
    let top = folder(&hierarchy.mounted_at);
    // What lies outside of the mount cannot be seen, and what is above it limits from outside.
    let own = own.strip_prefix(&hierarchy.root).unwrap_or(Path::new(""));
    let is_plain = own.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let own = if is_plain { own } else { Path::new("") };
    let quota = if hierarchy.is_v2 { quota_v2 } else { quota_v1 };
    // The last of the ancestors is the empty path, the mount itself.
    own.ancestors().filter_map(|part| quota(&top.join(part))).min_by(f64::total_cmp)
}

/// `cpu.max` has a quota or `max`, and a period.
fn quota_v2(cgroup: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(cgroup.join("cpu.max")).ok()?;
    let mut words = text.split_whitespace();
    cpus_of(words.next()?.parse().ok()?, words.next()?.parse().ok()?)
}

/// A quota of -1 is none.
fn quota_v1(cgroup: &Path) -> Option<f64> {
    let read = |name: &str| std::fs::read_to_string(cgroup.join(name)).ok()?.trim().parse().ok();
    cpus_of(read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?)
}

fn cpus_of(quota: f64, period: f64) -> Option<f64> {
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNT_V2: &str = "24 19 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const MOUNTS_V1: &str = "\
19 1 8:1 / / rw - ext4 /dev/sda1 rw
33 26 0:29 / /sys/fs/cgroup/memory rw shared:15 - cgroup cgroup rw,memory
34 26 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:16 - cgroup cgroup rw,cpu,cpuacct
";

    /// A machine with these files, and what its cgroups allow.
    fn cpus_with(files: &[(&str, &str)]) -> Option<f64> {
        let machine = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = machine.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        cpus_in(machine.path())
    }

    #[test]
    fn the_smallest_quota_from_the_own_cgroup_to_the_root_counts() {
        let files = [
            ("proc/self/mountinfo", MOUNT_V2),
            ("proc/self/cgroup", "0::/system.slice/shoal.service\n"),
            ("sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/system.slice/shoal.service/cpu.max", "max 100000\n"),
        ];
        assert_eq!(cpus_with(&files), Some(1.5));
        let mut own = files;
        own[3].1 = "50000 100000\n";
        assert_eq!(cpus_with(&own), Some(0.5));
        own[2].1 = "max 100000\n";
        assert_eq!(cpus_with(&own), Some(0.5));
        own[3].1 = "max 100000\n";
        assert_eq!(cpus_with(&own), None);
    }

    #[test]
    fn a_container_sees_its_own_cgroup_as_the_root() {
        let quota = ("sys/fs/cgroup/cpu.max", "200000 100000\n");
        let cgroup = ("proc/self/cgroup", "0::/\n");
        assert_eq!(cpus_with(&[("proc/self/mountinfo", MOUNT_V2), cgroup, quota]), Some(2.0));
        // Without a namespace of its own: the mount's root is the container's cgroup.
        let mount = "24 19 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        for own in ["0::/docker/abc\n", "0::/docker/abc/..\n", "0::/elsewhere\n"] {
            let files = [("proc/self/mountinfo", mount), ("proc/self/cgroup", own), quota];
            assert_eq!(cpus_with(&files), Some(2.0), "{own}");
        }
        let inner = ("sys/fs/cgroup/inner/cpu.max", "100000 100000\n");
        let files =
            [("proc/self/mountinfo", mount), ("proc/self/cgroup", "0::/docker/abc/inner\n"), quota, inner];
        assert_eq!(cpus_with(&files), Some(1.0));
    }

    #[test]
    fn version_1_is_walked_in_the_hierarchy_of_the_cpu_controller() {
        let base = "sys/fs/cgroup/cpu,cpuacct/a";
        let files = |own: &'static str, quota: &'static str| {
            cpus_with(&[
                ("proc/self/mountinfo", MOUNTS_V1),
                ("proc/self/cgroup", own),
                (&format!("{base}/cpu.cfs_quota_us"), quota),
                (&format!("{base}/cpu.cfs_period_us"), "100000\n"),
                (&format!("{base}/b/cpu.cfs_quota_us"), "-1\n"),
                (&format!("{base}/b/cpu.cfs_period_us"), "100000\n"),
            ])
        };
        assert_eq!(files("4:memory:/x\n3:cpu,cpuacct:/a/b\n", "300000\n"), Some(3.0));
        assert_eq!(files("4:memory:/x\n3:cpu,cpuacct:/a/b\n", "-1\n"), None);
        assert_eq!(files("4:memory:/x\n3:cpu,cpuacct:/c\n", "300000\n"), None);
    }

    #[test]
    fn a_machine_without_cgroups_limits_nothing() {
        assert_eq!(cpus_with(&[]), None);
        assert_eq!(cpus_with(&[("proc/self/mountinfo", "garbage - \n"), ("proc/self/cgroup", "x")]), None);
    }
}
