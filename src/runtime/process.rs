//! What this process takes of the machine, by the names that every exporter uses. Linux tells; elsewhere nothing is said.

use std::fs;

/// Ticks in a second in what Linux tells programs, on every machine.
const TICKS: f64 = 100.0;

crate::metrics! {
    /// What this process takes.
    pub struct ProcessMetrics("process") {
        /// Memory that the process has in use, in bytes.
        resident_memory_bytes: IntGauge[],
        /// Seconds of the processors that the process has used.
        cpu_seconds_total: Counter[],
        /// Files and connections that the process has open.
        open_fds: IntGauge[],
    }
}

impl ProcessMetrics {
    /// Looks, and says it in the text format that Prometheus reads.
    pub fn look(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            self.resident_memory_bytes.set(bytes);
        }
        if let Some(seconds) = cpu_seconds() {
            self.cpu_seconds_total.inc_by((seconds - self.cpu_seconds_total.get()).max(0.0));
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            self.open_fds.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
        self.render()
    }
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn linux_tells() {
        let metrics = ProcessMetrics::new();
        metrics.look();
        assert!(metrics.resident_memory_bytes.get() > 1 << 20);
        assert!(metrics.open_fds.get() > 2);
        assert!(cpu_seconds().is_some_and(|seconds| (0.0..1e6).contains(&seconds)));
    }
}
