/**
 * The files that mutants are made of, and the tests that must notice: those that stand closest first,
 * and of these the fastest, as the first that fails ends a mutant's run.
 *
 * @module
 */

const CALLS: readonly string[] = [
  "tests/shard/bus/poll_bound_test.ts",
  "tests/shard/bus/unread_block_test.ts",
  "tests/shard/bus/call_memory_test.ts",
  "tests/shard/failed_allocation_test.ts",
  "tests/shard/transfer_test.ts",
  "tests/shard/waiting_calls_test.ts",
  "tests/shard/call_options_test.ts",
  "tests/shard/bus/credit_model_test.ts",
  "tests/shard/runtime_test.ts",
];

const POINTERS: readonly string[] = [
  "tests/foreign/holder_words_test.ts",
  "tests/foreign/handle_table_test.ts",
  "tests/foreign/holder_words_model_test.ts",
  "tests/foreign/equality_test.ts",
  "tests/foreign/foreign_ptr_property_test.ts",
  "tests/foreign/adversity_test.ts",
];

/** Test files by the file that they belong to, each a path from the project's root. */
export const TARGETS: ReadonlyMap<string, readonly string[]> = new Map([
  ["allocator/remote_free_list.ts", [
    "tests/allocator/remote_free_list_test.ts",
    "tests/allocator/remote_free_test.ts",
    "tests/allocator/remote_free_owner_test.ts",
    "tests/allocator/remote_free_stress_test.ts",
    "tests/allocator/remote_free_list_model_test.ts",
  ]],
  ["allocator/tlsf.ts", [
    "tests/allocator/layout_test.ts",
    "tests/allocator/tlsf_test.ts",
    "tests/allocator/large_segment_test.ts",
    "tests/allocator/heap_check_test.ts",
    "tests/allocator/misuse_test.ts",
    "tests/allocator/c_family_test.ts",
    "tests/allocator/allocator_test.ts",
    "tests/allocator/seastar_alloc_test.ts",
    "tests/allocator/allocator_property_test.ts",
    "tests/allocator/public_suites_test.ts",
  ]],
  ["foreign/handle_table.ts", POINTERS],
  ["foreign/holder_words.ts", POINTERS],
  ["shard/bus/callee.ts", CALLS],
  ["shard/bus/caller.ts", CALLS],
  ["shard/bus/value_reader.ts", [
    "tests/shard/bus/value_reader_test.ts",
    "tests/shard/bus/value_codec_values_test.ts",
    "tests/shard/bus/value_codec_refusals_test.ts",
    "tests/shard/bus/value_codec_errors_test.ts",
    "tests/shard/bus/value_codec_property_test.ts",
    "tests/shard/bus/value_codec_test.ts",
  ]],
  ["shard/bus/wait_strategy.ts", [
    "tests/shard/bus/wait_strategy_test.ts",
    "tests/shard/bus/attend_test.ts",
    "tests/shard/bus/spinner_test.ts",
    "tests/shard/bus/spsc_ring_model_test.ts",
    "tests/shard/bus/poll_bound_test.ts",
    "tests/shard/life_test.ts",
  ]],
]);
