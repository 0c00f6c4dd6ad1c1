//! What a shard keeps when its keys have gone, however they went: nothing but what a few commands need.
#![expect(unsafe_code, reason = "an allocator that counts")]

use shards::caller::Caller;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use shards::args::OwnedArgs;
use shards::command::DataCommand;
use shards::command::registry::Registry;
use shards::commands::FAMILIES;
use shards::eviction::{EvictionConfig, EvictionOrder, EvictionPolicy, Meter};
use shards::key::{DbIndex, OnlyKey};
use shards::reply::Reply;
use shards::shard::{Call, Shard, ShardConfig};
use shards::slot::{ShardId, SlotId};
use shards::watch::ClientId;
use shards::words;

const DATABASES: u16 = 3;
/// Keys of each database: some share a slot whose table is split, the others are spread over many slots.
const KEYS: usize = 9_000;
/// What a shard without keys may keep for the next ones, in bytes.
const KEPT_BYTES_MAX: isize = 16 << 10;

struct Counting;

thread_local! {
    static ALLOCATED_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    ALLOCATED_BYTES.with(|allocated| allocated.set(allocated.get() + bytes));
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the rules of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated_bytes() -> isize {
    ALLOCATED_BYTES.with(Cell::get) + words::allocated_bytes()
}

fn command_named(name: &str) -> &'static DataCommand {
    let mut commands = FAMILIES.iter().flat_map(|family| family.iter());
    commands.find(|command| command.spec.name == name).expect("the test names commands that are there")
}

/// A shard, and what the commands of the test need beside it.
struct Scene {
    shard: Shard,
    now_ms: u64,
    random: u64,
}

impl Scene {
    fn new() -> Scene {
        let mut shard = Shard::new(&ShardConfig {
            id: ShardId(0),
            databases: DATABASES,
            hash_seeds: [1, 2, 3, 4],
            random_seed: 5,
            string_len_max: 512 << 20,
            registry: Box::leak(Box::new(Registry::new(FAMILIES, &[]))),
        });
        let now_ms = 1_700_000_000_000;
        shard.set_now(now_ms);
        shard.set_meter(Meter::PerKey(100));
        Scene { shard, now_ms, random: 1 }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.random >> 33) as usize % bound
    }

    fn run(&mut self, db: u16, words: &[&str]) {
        let args: OwnedArgs = words.iter().map(|word| word.as_bytes()).collect();
        let (args, command) = (args.as_args(), command_named(&words[0].to_lowercase()));
        let key = words.get(1).map(|key| OnlyKey::at(1, SlotId::of(key.as_bytes())));
        let mut reply = Reply::new(false);
        let caller = Caller { db: DbIndex(db), ..Caller::new(ClientId(1)) };
        self.shard.execute(Call { command, key, caller, args }, &mut reply);
        let reply = reply.bytes();
        assert!(!reply.starts_with(b"-") || reply.starts_with(b"-WRONGTYPE"), "{words:?}: {reply:?}");
    }

    /// One random change of a random key.
    fn change(&mut self) {
        let db = self.below(usize::from(DATABASES)) as u16;
        let number = self.below(KEYS);
        let key = if number.is_multiple_of(2) { format!("{{tag}}{number}") } else { format!("key:{number}") };
        let field = format!("field:{}", self.below(300));
        let seconds = (1 + self.below(100)).to_string();
        let large = "v".repeat(1 + self.below(3) * 3_000);
        match self.below(16) {
            0..=2 => self.run(db, &["SET", &key, &large]),
            3..=5 => self.run(db, &["SET", &key, "v", "EX", &seconds]),
            6 => self.run(db, &["EXPIRE", &key, &seconds]),
            7 => self.run(db, &["PERSIST", &key]),
            8 => self.run(db, &["HSET", &key, &field, &large]),
            9 => self.run(db, &["HEXPIRE", &key, &seconds, "FIELDS", "1", &field]),
            10 => self.run(db, &["SADD", &key, &field, &seconds, &large]),
            11 => self.run(db, &["ZADD", &key, &seconds, &field]),
            12 => self.run(db, &["RPUSH", &key, &large, &field]),
            13 => self.run(db, &["XADD", &key, "*", &field, &large]),
            14 => self.run(db, &["DEL", &key]),
            _ => self.run(db, &["UNLINK", &key]),
        }
        if self.below(200) == 0 {
            self.pass(100);
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.shard.set_now(self.now_ms);
        self.shard.expire_some(1_000);
        self.shard.free_some(1_000);
    }

    fn keys(&self) -> usize {
        self.shard.dbs().iter().map(|db| db.len()).sum()
    }

    fn evict_all(&mut self) {
        let policy = EvictionPolicy::AllKeys(EvictionOrder::Lru);
        let limited = EvictionConfig { limit_bytes: 1, told_bytes_max: 0, policy, samples: 5 };
        self.shard.set_eviction(limited);
        self.shard.evict_some(usize::MAX);
        self.shard.set_eviction(EvictionConfig::default());
    }

    fn remove_each(&mut self, command: &str) {
        for db in 0..DATABASES {
            let entries = self.shard.dbs()[usize::from(db)].entries();
            let names: Vec<String> =
                entries.map(|entry| String::from_utf8_lossy(entry.key()).into_owned()).collect();
            for name in names {
                match command {
                    "PEXPIRE" => self.run(db, &[command, &name, "50"]),
                    _ => self.run(db, &[command, &name]),
                }
            }
        }
    }
}

#[test]
fn a_shard_whose_keys_have_gone_keeps_nothing_of_them() {
    let mut scene = Scene::new();
    let fresh_bytes = allocated_bytes();
    type Removal = fn(&mut Scene);
    let removals: [(&str, Removal); 7] = [
        ("DEL", |scene| scene.remove_each("DEL")),
        ("UNLINK", |scene| scene.remove_each("UNLINK")),
        ("expiry", |scene| {
            scene.remove_each("PEXPIRE");
            scene.pass(60);
            while scene.keys() > 0 {
                scene.pass(1);
            }
        }),
        ("FLUSHALL", |scene| scene.run(0, &["FLUSHALL"])),
        ("FLUSHALL ASYNC", |scene| scene.run(0, &["FLUSHALL", "ASYNC"])),
        ("eviction", Scene::evict_all),
        ("SWAPDB and FLUSHDB", |scene| {
            scene.run(0, &["SWAPDB", "0", "2"]);
            (0..DATABASES).for_each(|db| scene.run(db, &["FLUSHDB"]));
        }),
    ];
    for (name, remove) in removals {
        (0..4 * KEYS).for_each(|_| scene.change());
        let filled_bytes = allocated_bytes() - fresh_bytes;
        assert!(scene.keys() > KEYS / 2 && filled_bytes > 1 << 20, "{filled_bytes} bytes before {name}");
        remove(&mut scene);
        while scene.shard.free_some(1_000_000) {}
        assert_eq!(scene.keys(), 0, "after {name}");
        let kept_bytes = allocated_bytes() - fresh_bytes;
        assert!(kept_bytes < KEPT_BYTES_MAX, "{kept_bytes} bytes are kept after {name}");
    }
}
