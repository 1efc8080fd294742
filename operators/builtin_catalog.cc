#include "operators/builtin_catalog.h"

namespace streamrun {

Catalog builtin_catalog() {
  Catalog catalog;
  catalog.add(describe_queue_source());
  catalog.add(describe_file_source());
  catalog.add(describe_directory_source());
  catalog.add(describe_stdin_source());
  catalog.add(describe_socket_source());
  catalog.add(describe_kafka_source());
  catalog.add(describe_generate_source());

  catalog.add(describe_filter());
  catalog.add(describe_map());
  catalog.add(describe_with());
  catalog.add(describe_drop());
  catalog.add(describe_rename());
  catalog.add(describe_flat_map());
  catalog.add(describe_map_values());
  catalog.add(describe_flat_map_values());
  catalog.add(describe_sample());
  catalog.add(describe_union());
  catalog.add(describe_count());
  catalog.add(describe_count_by_value());
  catalog.add(describe_reduce());
  catalog.add(describe_reduce_by_key());
  catalog.add(describe_group_by_key());
  catalog.add(describe_window());
  catalog.add(describe_count_by_window());
  catalog.add(describe_count_by_value_and_window());
  catalog.add(describe_reduce_by_window());
  catalog.add(describe_reduce_by_key_and_window());
  catalog.add(describe_group_by_key_and_window());
  catalog.add(describe_join());
  catalog.add(describe_cogroup());
  catalog.add(describe_glom());
  catalog.add(describe_pipe());
  catalog.add(describe_repartition());
  catalog.add(describe_distinct());
  catalog.add(describe_sort());
  catalog.add(describe_limit());
  catalog.add(describe_top());
  catalog.add(describe_transform_step());
  catalog.add(describe_use());
  catalog.add(describe_cache());

  catalog.add(describe_print_sink());
  catalog.add(describe_stdout_sink());
  catalog.add(describe_file_sink());
  catalog.add(describe_kafka_sink());
  catalog.add(describe_pipe_sink());
  catalog.add(describe_discard_sink());

  catalog.add(describe_json_format());
  catalog.add(describe_csv_format());
  catalog.add(describe_text_format());
  catalog.add(describe_raw_format());
  catalog.add(describe_regex_format());
  return catalog;
}

}  // namespace streamrun
