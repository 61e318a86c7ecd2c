//! What Linux reports about this process. On other systems nothing is reported, and the metrics are
//! absent.

use crate::connection::open_files;

/// What `/proc/self` reports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Process {
    /// Resident memory, bytes.
    pub(crate) resident: Option<f64>,
    /// Address space, bytes.
    pub(crate) address_space: Option<f64>,
    /// Threads.
    pub(crate) threads: Option<f64>,
    /// Processor time in user mode, seconds.
    pub(crate) user_s: Option<f64>,
    /// Processor time in the kernel, seconds.
    pub(crate) system_s: Option<f64>,
}

/// Ticks per second of the times in `/proc/self/stat`: `USER_HZ`, 100 on every architecture that
/// this binary is built for.
const TICKS_PER_S: f64 = 100.0;

impl Process {
    /// Reads the current values.
    pub(crate) fn read() -> Process {
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        Process::parse(&read("/proc/self/status"), &read("/proc/self/stat"))
    }

    fn parse(status: &str, stat: &str) -> Process {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        let kibibytes = |name| Some(field(name)? * 1024.0);
        // The second field is the program's name in parentheses and may hold anything; the times
        // are fields 14 and 15, so 12 and 13 after it.
        let times = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let seconds = |at| Some(times.split(' ').nth(at)?.parse::<f64>().ok()? / TICKS_PER_S);
        Process {
            resident: kibibytes("VmRSS:"),
            address_space: kibibytes("VmSize:"),
            threads: field("Threads:"),
            user_s: seconds(11),
            system_s: seconds(12),
        }
    }
}

/// Number of open file descriptors.
pub(crate) fn files() -> Option<f64> {
    // One of them is the folder that is being read.
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

/// The limit on open file descriptors.
pub(crate) fn files_limit() -> Option<f64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    open_files(&limits).map(|files| files as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_may_hold_anything() {
        // proc_pid_stat(5): utime is field 14 and stime field 15, in ticks of a hundredth second.
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 7 8 9 10 250 75 0 0 20 0 5 0 99\n";
        let status = "Name:\ta) b\nVmSize:\t  2048 kB\nVmRSS:\t    1024 kB\nThreads:\t5\n";
        let expected = Process {
            resident: Some(1024.0 * 1024.0),
            address_space: Some(2048.0 * 1024.0),
            threads: Some(5.0),
            user_s: Some(2.5),
            system_s: Some(0.75),
        };
        assert_eq!(Process::parse(status, stat), expected);
        assert_eq!(Process::parse("", ""), Process::default());
    }
}
