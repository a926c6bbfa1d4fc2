//! Maps and sets for look-ups by code. Nothing ever depends on their order.

/// A map with a quick hash, seeded anew in each process.
pub type HashMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;
/// A set with a quick hash, seeded anew in each process.
pub type HashSet<K> = std::collections::HashSet<K, foldhash::fast::RandomState>;
