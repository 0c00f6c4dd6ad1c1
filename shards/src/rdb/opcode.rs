//! The bytes that stand in a file where the type of a value would, and what lengths and strings begin with.

/// What Valkey tells of a slot that is being imported. The same number is [`KEY_METADATA`] in Redis.
pub(super) const SLOT_IMPORT: u8 = 243;
/// What modules have attached to the next key. The same number is [`SLOT_IMPORT`] in Valkey.
pub(super) const KEY_METADATA: u8 = 243;
/// The fields that hashes of a template have in common. The same number is [`UPDATE`] in Valkey.
pub(super) const HASH_TEMPLATE: u8 = 242;
/// A command inside of a full synchronisation. The same number is [`HASH_TEMPLATE`] in Redis.
pub(super) const UPDATE: u8 = 242;
/// How many keys a slot has.
pub(super) const SLOT_INFO: u8 = 244;
/// A library of functions.
pub(super) const FUNCTION_2: u8 = 245;
/// The same, of release candidates of Redis 7.0.
pub(super) const FUNCTION: u8 = 246;
/// What a module has written beside the keys.
pub(super) const MODULE_AUX: u8 = 247;
/// For how many seconds the next key has not been used.
pub(super) const IDLE: u8 = 248;
/// How often the next key is used, on LFU's scale.
pub(super) const FREQUENCY: u8 = 249;
/// A named fact about the file.
pub(super) const AUX: u8 = 250;
/// How many keys the database has.
pub(super) const RESIZE_DB: u8 = 251;
/// When the next key expires, in milliseconds.
pub(super) const EXPIRE_MS: u8 = 252;
/// When the next key expires, in seconds.
pub(super) const EXPIRE_SECONDS: u8 = 253;
/// The database of the following keys.
pub(super) const SELECT_DB: u8 = 254;
/// The end of the file.
pub(super) const EOF: u8 = 255;

/// The high bits of the first byte of a length: 6 bits in the byte, 14 bits with the next one.
pub(super) const LENGTH_6: u8 = 0;
pub(super) const LENGTH_14: u8 = 1;
/// The first byte of a length of 32 or 64 bits.
pub(super) const LENGTH_32: u8 = 0x80;
pub(super) const LENGTH_64: u8 = 0x81;

/// The first byte of a string that is an integer of 8, 16 or 32 bits.
pub(super) const STRING_INT_8: u8 = 0xc0;
pub(super) const STRING_INT_16: u8 = 0xc1;
pub(super) const STRING_INT_32: u8 = 0xc2;
/// The first byte of a string that is compressed.
pub(super) const STRING_LZF: u8 = 0xc3;

/// In the place of the length of a score's text.
pub(super) const SCORE_NAN: u8 = 253;
pub(super) const SCORE_INFINITY: u8 = 254;
pub(super) const SCORE_MINUS_INFINITY: u8 = 255;

/// What a node of a list is: an element, or a listpack of them.
pub(super) const NODE_PLAIN: u64 = 1;
pub(super) const NODE_PACKED: u64 = 2;
