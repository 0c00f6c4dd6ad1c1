//! redis-benchmark: how it is called and what its output says. It must not know which server it talks to.
//!
//! No `--threads`: with it redis-benchmark stops only at ticks of 250 ms and reports too little for short
//! runs.

use std::io;
use std::process::Command;
use std::thread;

use crate::rows::CommandWords;

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct ClosedLoop {
    /// Where the server listens, on the IPv4 loopback address.
    pub port: u16,
    /// Connections.
    pub connections: usize,
    /// Commands that a connection sends at once.
    pub pipeline: u32,
    /// What is sent.
    pub command: CommandWords,
    /// Numbers in keys are below this.
    pub number_max: u64,
}

/// What redis-benchmark reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Throughput.
    pub requests_per_s: f64,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of latency in milliseconds.
    pub p99_ms: f64,
}

impl ClosedLoop {
    /// `requests`, or a little more, so that every connection sends the same number of whole pipelines.
    pub fn whole_pipelines(&self, requests: u64) -> u64 {
        requests.next_multiple_of(self.connections as u64 * u64::from(self.pipeline)).max(1)
    }

    /// As [`ClosedLoop::run`] by several redis-benchmarks at once, each of which sends `requests` commands:
    /// for a server that one of them cannot keep busy. The rates are added up; a latency is that of the
    /// slowest.
    ///
    /// # Errors
    /// As for [`ClosedLoop::run`].
    pub fn run_together(&self, generators: usize, requests: u64) -> io::Result<Report> {
        thread::scope(|scope| {
            let runs: Vec<_> = (0..generators).map(|_| scope.spawn(|| self.run(requests))).collect();
            let mut all = Report { requests_per_s: 0.0, p50_ms: 0.0, p99_ms: 0.0 };
            for run in runs {
                let report = run.join().map_err(|_| io::Error::other("a thread of the load panicked"))??;
                all.requests_per_s += report.requests_per_s;
                all.p50_ms = all.p50_ms.max(report.p50_ms);
                all.p99_ms = all.p99_ms.max(report.p99_ms);
            }
            Ok(all)
        })
    }

    /// Sends exactly `requests` commands, a number that [`ClosedLoop::whole_pipelines`] gave.
    ///
    /// # Errors
    /// When redis-benchmark is missing, fails, or says something that is not understood.
    pub fn run(&self, requests: u64) -> io::Result<Report> {
        let output = Command::new("redis-benchmark")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-c", &self.connections.to_string(), "-n", &requests.to_string()])
            .args(["-P", &self.pipeline.to_string(), "-r", &self.number_max.to_string(), "--csv"])
            .args(self.command)
            .output()
            .map_err(|error| io::Error::new(error.kind(), format!("redis-benchmark: {error}")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        if !output.status.success()
            || text.contains("Error from server")
            || complaint.contains("Error from server")
        {
            return Err(io::Error::other(format!("redis-benchmark: {}{}", text.trim(), complaint.trim())));
        }
        parse(&text).ok_or_else(|| io::Error::other(format!("redis-benchmark said: {}", text.trim())))
    }
}

/// Reads the last line of `--csv`: test, rps, and the average, min, p50, p95, p99 and max of latency in
/// milliseconds. The test's name may hold anything, so fields count from the end.
fn parse(text: &str) -> Option<Report> {
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    let mut fields = line.trim().rsplit(',').map(|field| field.trim_matches('"').parse::<f64>().ok());
    let (_max, p99_ms, _p95) = (fields.next()??, fields.next()??, fields.next()??);
    let (p50_ms, _min, _average) = (fields.next()??, fields.next()??, fields.next()??);
    Some(Report { requests_per_s: fields.next()??, p50_ms, p99_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_csv_line_is_read_from_its_end() {
        let text = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\
                    \"p99_latency_ms\",\"max_latency_ms\"\n\
                    \"SET a,b c\",\"1000.50\",\"0.4\",\"0.1\",\"0.3\",\"0.7\",\"0.9\",\"1.2\"\n";
        let report = parse(text).unwrap();
        assert_eq!(report, Report { requests_per_s: 1000.5, p50_ms: 0.3, p99_ms: 0.9 });
        assert_eq!(parse("\"test\",\"rps\"\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn requests_are_rounded_up_to_whole_pipelines_of_all_connections() {
        let run = ClosedLoop { port: 1, connections: 50, pipeline: 16, command: &["PING"], number_max: 1 };
        assert_eq!(run.whole_pipelines(801), 1600);
        assert_eq!(run.whole_pipelines(1600), 1600);
    }
}
