// jemalloc in the place of the C library's malloc, for programs; it reads this variable when it starts (jemalloc(3)),
// and the user's MALLOC_CONF after it.
//
// Batches of sequences have another length each time. The C library's malloc keeps large free blocks in a list by size,
// which grows with every length: in a training on ListOps it came to take 22 % of the time and seven times the memory.
// Nothing is given back, since a training step would have to touch it anew, and memory is taken in pages of 2 MiB.
// Every free block may be cut, however large: by default none of more than 64 times the size, and a step whose small
// blocks grow together with such a one when they are freed takes fresh memory every time.

extern "C" const char* malloc_conf;
const char* malloc_conf =
    "dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0,thp:always,lg_extent_max_active_fit:24";
