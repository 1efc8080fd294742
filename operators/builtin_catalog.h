// Everything that comes with the program. Each operator is one file without a header; these are the names by
// which the list in builtin_catalog.cc knows them.
#pragma once

#include "runner/operator/catalog.h"

namespace streamrun {

TransformDescriptor describe_filter();
TransformDescriptor describe_map();
TransformDescriptor describe_with();
TransformDescriptor describe_drop();
TransformDescriptor describe_rename();
TransformDescriptor describe_flat_map();
TransformDescriptor describe_map_values();
TransformDescriptor describe_flat_map_values();
TransformDescriptor describe_sample();
TransformDescriptor describe_union();
TransformDescriptor describe_use();
TransformDescriptor describe_count();
TransformDescriptor describe_count_by_value();
TransformDescriptor describe_reduce();
TransformDescriptor describe_reduce_by_key();
TransformDescriptor describe_group_by_key();
TransformDescriptor describe_window();
TransformDescriptor describe_count_by_window();
TransformDescriptor describe_count_by_value_and_window();
TransformDescriptor describe_reduce_by_window();
TransformDescriptor describe_reduce_by_key_and_window();
TransformDescriptor describe_group_by_key_and_window();
TransformDescriptor describe_join();
TransformDescriptor describe_cogroup();
TransformDescriptor describe_glom();
TransformDescriptor describe_pipe();
TransformDescriptor describe_repartition();
TransformDescriptor describe_distinct();
TransformDescriptor describe_sort();
TransformDescriptor describe_limit();
TransformDescriptor describe_top();
TransformDescriptor describe_transform_step();
TransformDescriptor describe_cache();

SourceDescriptor describe_queue_source();
SourceDescriptor describe_file_source();
SourceDescriptor describe_directory_source();
SourceDescriptor describe_stdin_source();
SourceDescriptor describe_socket_source();
SourceDescriptor describe_kafka_source();
SourceDescriptor describe_generate_source();

SinkDescriptor describe_print_sink();
SinkDescriptor describe_stdout_sink();
SinkDescriptor describe_file_sink();
SinkDescriptor describe_kafka_sink();
SinkDescriptor describe_pipe_sink();
SinkDescriptor describe_discard_sink();

FormatDescriptor describe_json_format();
FormatDescriptor describe_csv_format();
FormatDescriptor describe_text_format();
FormatDescriptor describe_raw_format();
FormatDescriptor describe_regex_format();

Catalog builtin_catalog();

}  // namespace streamrun
