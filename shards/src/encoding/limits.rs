//! How large a packed collection may become before it is converted: the directives of the same names.

/// The limits of packed encodings. The defaults are Redis's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// hash-max-listpack-entries: fields.
    pub hash_entries_max: u64,
    /// hash-max-listpack-value: bytes of a field or a value.
    pub hash_value_bytes_max: u64,
    /// list-max-listpack-size: elements of a node, or with -1 to -5 its size: 4, 8, 16, 32, 64 KB.
    pub list_fill: i32,
    /// list-compress-depth: nodes at each end that are not compressed; 0 compresses none.
    pub list_compress_depth: u32,
    /// set-max-intset-entries: members.
    pub set_intset_entries_max: u64,
    /// set-max-listpack-entries: members.
    pub set_entries_max: u64,
    /// set-max-listpack-value: bytes of a member.
    pub set_value_bytes_max: u64,
    /// zset-max-listpack-entries: members.
    pub sorted_set_entries_max: u64,
    /// zset-max-listpack-value: bytes of a member.
    pub sorted_set_value_bytes_max: u64,
    /// hll-sparse-max-bytes.
    pub hll_sparse_bytes_max: u64,
    /// stream-node-max-bytes.
    pub stream_node_bytes_max: u64,
    /// stream-node-max-entries.
    pub stream_node_entries_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            hash_entries_max: 512,
            hash_value_bytes_max: 64,
            list_fill: -2,
            list_compress_depth: 0,
            set_intset_entries_max: 512,
            set_entries_max: 128,
            set_value_bytes_max: 64,
            sorted_set_entries_max: 128,
            sorted_set_value_bytes_max: 64,
            hll_sparse_bytes_max: 3000,
            stream_node_bytes_max: 4096,
            stream_node_entries_max: 100,
        }
    }
}
