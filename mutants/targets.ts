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
  "tests/shard/bus/failed_allocation_test.ts",
  "tests/shard/bus/transfer_test.ts",
  "tests/shard/bus/introduction_test.ts",
  "tests/shard/bus/waiting_calls_test.ts",
  "tests/shard/bus/whole_values_test.ts",
  "tests/shard/bus/big_batch_test.ts",
  "tests/shard/calls/call_options_test.ts",
  "tests/shard/bus/credit_model_test.ts",
  "tests/shard/host/runtime_test.ts",
];

const POINTERS: readonly string[] = [
  "tests/foreign/pointer_holders_test.ts",
  "tests/foreign/given_away_table_test.ts",
  "tests/foreign/pointer_holders_model_test.ts",
  "tests/foreign/equality_test.ts",
  "tests/foreign/foreign_ptr_property_test.ts",
  "tests/foreign/adversity_test.ts",
];

/** Test files by the file that they belong to, each a path from the project's root. */
export const TARGETS: ReadonlyMap<string, readonly string[]> = new Map([
  ["allocator/malloc/remote_free_list.ts", [
    "tests/allocator/malloc/remote_free_list_test.ts",
    "tests/allocator/malloc/remote_free_test.ts",
    "tests/allocator/malloc/remote_free_owner_test.ts",
    "tests/allocator/malloc/remote_free_stress_test.ts",
    "tests/allocator/malloc/remote_free_list_model_test.ts",
  ]],
  ["allocator/placement/tlsf.ts", [
    "tests/allocator/layout/const_enum_test.ts",
    "tests/allocator/placement/tlsf_test.ts",
    "tests/allocator/placement/large_segment_test.ts",
    "tests/allocator/placement/heap_check_test.ts",
    "tests/allocator/placement/misuse_test.ts",
    "tests/allocator/malloc/c_family_test.ts",
    "tests/allocator/malloc/allocator_test.ts",
    "tests/allocator/malloc/seastar_alloc_test.ts",
    "tests/allocator/malloc/allocator_property_test.ts",
    "tests/allocator/malloc/public_suites_test.ts",
  ]],
  ["foreign/given_away_table.ts", POINTERS],
  ["foreign/pointer_holders.ts", POINTERS],
  ["shard/bus/callee.ts", CALLS],
  ["shard/bus/caller.ts", CALLS],
  ["shard/bus/credit.ts", [
    "tests/shard/bus/credit_test.ts",
    "tests/shard/bus/credit_model_test.ts",
  ]],
  ["shard/bus/failure_log.ts", ["tests/shard/calls/failure_test.ts"]],
  ["shard/bus/notices.ts", [
    "tests/shard/bus/late_reason_test.ts",
    ...CALLS,
    "tests/shard/calls/failure_test.ts",
  ]],
  ["shard/codec/value_reader.ts", [
    "tests/shard/codec/value_reader_test.ts",
    "tests/shard/codec/value_codec_values_test.ts",
    "tests/shard/codec/value_codec_refusals_test.ts",
    "tests/shard/codec/value_codec_errors_test.ts",
    "tests/shard/codec/value_codec_property_test.ts",
    "tests/shard/codec/value_codec_test.ts",
    "tests/shard/codec/value_codec_texts_test.ts",
  ]],
  ["shard/ring/wait_strategy.ts", [
    "tests/shard/ring/wait_strategy_test.ts",
    "tests/shard/ring/attend_test.ts",
    "tests/shard/ring/spinner_test.ts",
    "tests/shard/ring/spsc_ring_model_test.ts",
    "tests/shard/bus/poll_bound_test.ts",
    "tests/shard/host/life_test.ts",
  ]],
  ["structures/cells/cell_slots.ts", [
    "tests/structures/cells/cell_slots_model_test.ts",
    "tests/structures/cells/seq_cell_test.ts",
  ]],
  ["structures/cells/queue_ring.ts", [
    "tests/structures/cells/queue_ring_model_test.ts",
    "tests/structures/cells/shared_queue_test.ts",
  ]],
  ["structures/cells/vector_table.ts", [
    "tests/structures/cells/vector_table_model_test.ts",
    "tests/structures/cells/shared_vector_test.ts",
  ]],
]);
