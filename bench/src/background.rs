//! A load that runs beside a measured one, at a rate it keeps to: a few threads, each with one connection,
//! send the same group of commands and wait for its replies. It must not know which server it talks to.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use testkit::Client;

use crate::random::SplitMix;
use crate::resp::Template;
use crate::rows::Background;

/// Connections, and threads: few, and enough that one slow reply does not lower the rate.
const CONNECTIONS: u64 = 4;

/// A load under way. Stopped when dropped or asked.
pub struct Beside {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<u64>>>,
    begin: Instant,
}

impl Beside {
    /// Begins the load against the server at `address`, with numbers in keys below `number_max`.
    ///
    /// # Errors
    /// When the server does not accept a connection.
    pub fn begin(address: SocketAddr, load: Background, number_max: u64) -> io::Result<Beside> {
        let mut beside = Beside { stop: Arc::default(), threads: Vec::new(), begin: Instant::now() };
        for index in 0..CONNECTIONS {
            let (client, stop) = (Client::connect(address)?, Arc::clone(&beside.stop));
            let random = SplitMix(0xB0_0000 + index);
            beside.threads.push(thread::spawn(move || run(client, load, random, number_max, &stop)));
        }
        Ok(beside)
    }

    /// Ends the load; groups a second that were answered.
    ///
    /// # Errors
    /// When a connection failed or a reply was an error.
    pub fn end(mut self) -> io::Result<f64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut groups = 0;
        for thread in self.threads.drain(..) {
            groups +=
                thread.join().map_err(|_| io::Error::other("a thread of the load beside panicked"))??;
        }
        Ok(groups as f64 / self.begin.elapsed().as_secs_f64())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sends groups at the times of a schedule. A group that could not leave in time leaves at once; time lost is
/// not made up for, so that the rate stays a bound.
fn run(
    mut client: Client,
    load: Background,
    mut random: SplitMix,
    number_max: u64,
    stop: &AtomicBool,
) -> io::Result<u64> {
    let templates: Vec<Template> = load.commands.iter().map(|command| Template::new(command)).collect();
    let interval = Duration::from_secs(1).div_f64(load.rate_per_s as f64 / CONNECTIONS as f64);
    let (mut next_due, mut groups, mut bytes) = (Instant::now(), 0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(next_due.saturating_duration_since(Instant::now()));
        next_due = (next_due + interval).max(Instant::now());
        bytes.clear();
        templates.iter().for_each(|template| template.write(&mut bytes, || random.next_u64() % number_max));
        let replies = client.try_exchange(&bytes, templates.len())?;
        if let Some(error) = replies.iter().find(|reply| reply.is_error()) {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("the server replied: {error}")));
        }
        groups += 1;
    }
    Ok(groups)
}
