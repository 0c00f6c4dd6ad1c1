//! What the worker that loads a file and the others tell each other.

use shards::loading::{LoadBatch, LoadCounts, LoadFault, LoadOptions};

/// Between the control worker, which goes through the file, and all others.
pub enum LoadHop {
    /// To all: something is loaded from now on; refuse what needs the keys.
    Begin(LoadOptions),
    /// To the control worker: that is done here, and of what was allowed before nothing is under way.
    Begun,
    /// To the worker of a shard: the keys that it has go first.
    Flush,
    /// To the worker of a shard: keys for it.
    Batch(Box<LoadBatch>),
    /// To the control worker: such a batch is in the tables; here it is, emptied.
    Taken(Box<LoadBatch>),
    /// To the worker of a shard: there are no more.
    End,
    /// To the control worker: this is wrong, and what comes behind it is thrown away.
    Found(Box<LoadFault>),
    /// To the control worker: nothing is left to do here.
    Ended(Box<LoadCounts>),
    /// To all: serve.
    Open,
    /// To the control worker: that is done here.
    Opened,
}
