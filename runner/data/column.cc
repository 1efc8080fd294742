#include "runner/data/column.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <new>
#include <numeric>

#include "runner/data/value_builder.h"

namespace streamrun {
namespace {

// Blocks of columns' values: powers of two behind a header that remembers which, recycled by the thread that
// frees them. A batch frees about what the next one asks for, so most columns cost no malloc and no page fault.
constexpr std::size_t kAlignment = 64;
constexpr int kSmallestShift = 7;
constexpr int kLargestShift = 18;
constexpr std::size_t kPoolBytes = std::size_t{8} << 20;

struct Header {
  Header* next;
  int shift;  // 0: not of the pool
};
static_assert(sizeof(Header) <= kAlignment);

thread_local bool pool_is_gone = false;  // set late in a thread's end, when static columns may still be freed

struct BlockPool {
  std::array<Header*, kLargestShift + 1> free{};
  std::size_t bytes = 0;

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool() {
    pool_is_gone = true;
    for (Header* head : free) {
      while (head != nullptr) {
        Header* next = head->next;
        ::operator delete(static_cast<void*>(head), std::align_val_t{kAlignment});
        head = next;
      }
    }
  }
};
thread_local BlockPool pool;

std::byte* allocate_block(std::size_t bytes) {
  const int shift = std::max(kSmallestShift, static_cast<int>(std::bit_width(bytes + kAlignment - 1)));
  Header* header = nullptr;
  if (shift > kLargestShift) {
    header = static_cast<Header*>(::operator new(bytes + kAlignment, std::align_val_t{kAlignment}));
    header->shift = 0;
  } else {
    const std::size_t size = std::size_t{1} << shift;
    const auto list = static_cast<std::size_t>(shift);
    if (!pool_is_gone && pool.free[list] != nullptr) {
      header = pool.free[list];
      pool.free[list] = header->next;
      pool.bytes -= size;
    } else {
      header = static_cast<Header*>(::operator new(size, std::align_val_t{kAlignment}));
    }
    header->shift = shift;
  }
  return reinterpret_cast<std::byte*>(header) + kAlignment;
}

void free_block(std::byte* block) {
  auto* header = reinterpret_cast<Header*>(block - kAlignment);
  if (header->shift != 0 && !pool_is_gone) {
    const std::size_t size = std::size_t{1} << header->shift;
    if (pool.bytes + size <= kPoolBytes) {
      const auto list = static_cast<std::size_t>(header->shift);
      header->next = pool.free[list];
      pool.free[list] = header;
      pool.bytes += size;
      return;
    }
  }
  ::operator delete(static_cast<void*>(header), std::align_val_t{kAlignment});
}

template <class T>
int order(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    const bool a_nan = std::isnan(a);
    const bool b_nan = std::isnan(b);
    if (a_nan || b_nan) return static_cast<int>(a_nan) - static_cast<int>(b_nan);
  }
  return a < b ? -1 : (b < a ? 1 : 0);
}

int order_strings(const StringRef& a, const StringRef& b) {
  const std::size_t common = std::min(a.size(), b.size());
  const int bytes = std::memcmp(a.data(), b.data(), common);
  return bytes != 0 ? bytes : order(a.size(), b.size());
}

}  // namespace

char* StringArena::allocate(std::size_t n) {
  if (n > left_) {
    // Small at first: each group of a collect_list has one.
    constexpr std::size_t kFirst = 128;
    constexpr std::size_t kLast = std::size_t{1} << 20;
    const std::size_t size = std::max(n, std::min(kLast, kFirst << std::min<std::size_t>(chunks_.size(), 13)));
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    bytes_ += size;
    // What is left of the chunk before is lost, unless the new one is for a single large text.
    if (n == size && left_ != 0) return chunks_.back().get();
    next_ = chunks_.back().get();
    left_ = size;
  }
  char* room = next_;
  next_ += n;
  left_ -= n;
  return room;
}

StringRef StringArena::copy(std::string_view text) {
  if (text.size() <= StringRef::kInline) return StringRef(text);
  char* room = allocate(text.size());
  std::memcpy(room, text.data(), text.size());
  return {room, static_cast<std::uint32_t>(text.size())};
}

void Bitmap::clear(std::uint32_t i, std::uint32_t size) {
  if (words_.empty()) words_.assign((std::size_t{size} + 63) / 64, ~std::uint64_t{0});
  words_[i >> 6] &= ~(std::uint64_t{1} << (i & 63));
}

void Bitmap::intersect(const Bitmap& other) {
  if (other.words_.empty()) return;
  if (words_.empty()) {
    words_ = other.words_;
    return;
  }
  const std::size_t n = std::min(words_.size(), other.words_.size());
  for (std::size_t i = 0; i < n; ++i) words_[i] &= other.words_[i];
}

bool fixed_size(const Type& type) {
  const TypeKind kind = type.kind();
  return !type.is_nested() && kind != TypeKind::string && kind != TypeKind::binary && kind != TypeKind::variant;
}

std::size_t storage_size(TypeKind kind) {
  return with_storage(kind, []<class T>() -> std::size_t {
    if constexpr (std::is_void_v<T>) {
      return 0;
    } else {
      return sizeof(T);
    }
  });
}

void Column::Free::operator()(std::byte* p) const {
  free_block(p);
}

Column::Column(Type type, std::uint32_t rows, bool constant)
    : type_(std::move(type)), rows_(rows), constant_(constant) {
  const std::size_t width = storage_size(type_.kind());
  if (width != 0) storage_.reset(allocate_block(width * slots()));
}

MutableColumn Column::make(Type type, std::uint32_t rows) {
  // A local class, so that the private constructor serves std::make_shared.
  struct Made : Column {
    Made(Type t, std::uint32_t n) : Column(std::move(t), n, false) {}
  };
  return std::make_shared<Made>(std::move(type), rows);
}

MutableColumn Column::make_constant(Type type, std::uint32_t rows) {
  struct Made : Column {
    Made(Type t, std::uint32_t n) : Column(std::move(t), n, true) {}
  };
  return std::make_shared<Made>(std::move(type), rows);
}

ColumnPtr Column::make_empty(const Type& type) {
  MutableColumn column = make(type, 0);
  for (const Field& field : type.fields()) column->children.push_back(make_empty(field.type));
  return column;
}

ColumnPtr Column::make_null(Type type, std::uint32_t rows) {
  MutableColumn column = make_constant(type, rows);
  if (const std::size_t width = storage_size(type.kind()); width != 0) {
    std::memset(column->storage_.get(), 0, width);
  }
  for (const Field& field : type.fields()) {
    column->children.push_back(type.kind() == TypeKind::structure ? make_null(field.type, rows)
                                                                  : make_empty(field.type));
  }
  column->set_null(0);
  return column;
}

ColumnPtr Column::resized_constant(const ColumnPtr& constant, std::uint32_t rows) {
  assert(constant->constant());
  if (constant->rows() == rows) return constant;
  MutableColumn column = make_constant(constant->type(), rows);
  if (const std::size_t width = storage_size(constant->type().kind()); width != 0) {
    std::memcpy(column->storage_.get(), constant->storage_.get(), width);
  }
  column->validity = constant->validity;
  column->heaps = constant->heaps;
  if (constant->type().kind() != TypeKind::structure) {
    column->children = constant->children;
    return column;
  }
  for (const ColumnPtr& child : constant->children) {
    column->children.push_back(child->constant() ? resized_constant(child, rows)
                                                 : gather(child, std::vector<std::uint32_t>(rows, 0)));
  }
  return column;
}

void Column::keep_heaps_of(const Column& other) {
  for (const auto& heap : other.heaps) {
    if (std::find(heaps.begin(), heaps.end(), heap) == heaps.end()) heaps.push_back(heap);
  }
}

struct ColumnBuilder::State {
  explicit State(Type type) : values(std::move(type)) {}
  ValueBuilder values;
};

ColumnBuilder::ColumnBuilder(Type type) : state_(std::make_unique<State>(std::move(type))) {}
ColumnBuilder::~ColumnBuilder() = default;
ColumnBuilder::ColumnBuilder(ColumnBuilder&&) noexcept = default;
ColumnBuilder& ColumnBuilder::operator=(ColumnBuilder&&) noexcept = default;

namespace {

void append_value(ValueBuilder& to, const Column& from, std::uint32_t row) {
  if (from.is_null(row)) {
    to.append_null();
    return;
  }
  with_storage(from.type().kind(), [&]<class T>() {
    if constexpr (std::is_same_v<T, StringRef>) {
      to.append_string(from.value<StringRef>(row).view());
    } else if constexpr (std::is_same_v<T, ListRef>) {
      const ListRef list = from.value<ListRef>(row);
      for (std::size_t c = 0; c < to.child_count(); ++c) {
        for (std::uint32_t i = 0; i < list.length; ++i) {
          append_value(to.child(c), *from.children[c], list.offset + i);
        }
      }
      to.end_list();
    } else if constexpr (std::is_void_v<T>) {
      for (std::size_t c = 0; c < to.child_count(); ++c) append_value(to.child(c), *from.children[c], row);
      to.end_struct();
    } else {
      to.append(from.value<T>(row));
    }
  });
}

}  // namespace

void ColumnBuilder::append(const Column& from, std::uint32_t row) {
  append_value(state_->values, from, row);
}

void ColumnBuilder::append(const Column& from, std::span<const std::uint32_t> rows) {
  with_storage(from.type().kind(), [&]<class T>() {
    if constexpr (!std::is_same_v<T, StringRef> && !std::is_same_v<T, ListRef> && !std::is_void_v<T>) {
      if (from.no_nulls() && !from.constant()) {
        const T* values = from.values<T>();
        for (const std::uint32_t row : rows) state_->values.append(values[row]);
        return;
      }
    }
    for (const std::uint32_t row : rows) append_value(state_->values, from, row);
  });
}

void ColumnBuilder::append_null() {
  state_->values.append_null();
}
std::uint32_t ColumnBuilder::rows() const {
  return state_->values.rows();
}
std::size_t ColumnBuilder::bytes() const {
  return state_->values.bytes();
}
MutableColumn ColumnBuilder::finish() {
  return state_->values.finish();
}

ColumnPtr gather(const ColumnPtr& from, std::span<const std::uint32_t> rows) {
  const auto count = static_cast<std::uint32_t>(rows.size());
  if (from->constant()) return Column::resized_constant(from, count);
  MutableColumn to = Column::make(from->type(), count);
  with_storage(from->type().kind(), [&]<class T>() {
    if constexpr (!std::is_void_v<T>) {
      const T* in = from->values<T>();
      T* out = to->values<T>();
      for (std::uint32_t i = 0; i < count; ++i) out[i] = in[rows[i]];
    }
  });
  if (!from->no_nulls()) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!from->validity.test(rows[i])) to->set_null(i);
    }
  }
  if (from->type().kind() == TypeKind::structure) {
    for (const ColumnPtr& child : from->children) to->children.push_back(gather(child, rows));
  } else {
    to->children = from->children;
  }
  to->heaps = from->heaps;
  return to;
}

ColumnPtr slice(const ColumnPtr& from, std::uint32_t first, std::uint32_t count) {
  if (first == 0 && count == from->rows()) return from;
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), first);
  return gather(from, rows);
}

std::size_t value_bytes(const Column& column, std::uint32_t row, std::size_t most) {
  if (column.is_null(row)) return 1;
  return with_storage(column.type().kind(), [&]<class T>() -> std::size_t {
    if constexpr (std::is_same_v<T, StringRef>) {
      return sizeof(std::uint32_t) + column.value<T>(row).size();
    } else if constexpr (std::is_same_v<T, ListRef>) {
      const ListRef list = column.value<T>(row);
      std::size_t sum = sizeof(std::uint32_t);
      for (const ColumnPtr& child : column.children) {
        if (fixed_size(child->type())) {
          sum += std::max<std::size_t>(1, storage_size(child->type().kind())) * list.length;
          continue;
        }
        for (std::uint32_t i = 0; i < list.length && sum <= most; ++i) {
          sum += value_bytes(*child, list.offset + i, most - sum);
        }
      }
      return sum;
    } else if constexpr (std::is_void_v<T>) {
      std::size_t sum = 1;
      for (const ColumnPtr& child : column.children) {
        if (sum <= most) sum += value_bytes(*child, row, most - sum);
      }
      return sum;
    } else {
      return sizeof(T);
    }
  });
}

int compare_values(const Column& a, std::uint32_t row_a, const Column& b, std::uint32_t row_b) {
  assert(a.type().kind() == b.type().kind() && a.type().kind() != TypeKind::map);
  const bool null_a = a.is_null(row_a);
  const bool null_b = b.is_null(row_b);
  if (null_a || null_b) return static_cast<int>(null_b) - static_cast<int>(null_a);
  return with_storage(a.type().kind(), [&]<class T>() -> int {
    if constexpr (std::is_same_v<T, StringRef>) {
      return order_strings(a.value<T>(row_a), b.value<T>(row_b));
    } else if constexpr (std::is_same_v<T, ListRef>) {
      const ListRef x = a.value<T>(row_a);
      const ListRef y = b.value<T>(row_b);
      for (std::uint32_t i = 0; i < std::min(x.length, y.length); ++i) {
        const int element = compare_values(*a.children[0], x.offset + i, *b.children[0], y.offset + i);
        if (element != 0) return element;
      }
      return order(x.length, y.length);
    } else if constexpr (std::is_void_v<T>) {
      for (std::size_t c = 0; c < a.children.size(); ++c) {
        const int field = compare_values(*a.children[c], row_a, *b.children[c], row_b);
        if (field != 0) return field;
      }
      return 0;
    } else {
      return order(a.value<T>(row_a), b.value<T>(row_b));
    }
  });
}

bool equal_values(const Column& a, std::uint32_t row_a, const Column& b, std::uint32_t row_b) {
  assert(a.type().kind() == b.type().kind());
  const bool null_a = a.is_null(row_a);
  const bool null_b = b.is_null(row_b);
  if (null_a || null_b) return null_a == null_b;
  return with_storage(a.type().kind(), [&]<class T>() -> bool {
    if constexpr (std::is_same_v<T, StringRef>) {
      return a.value<T>(row_a) == b.value<T>(row_b);
    } else if constexpr (std::is_same_v<T, ListRef>) {
      const ListRef x = a.value<T>(row_a);
      const ListRef y = b.value<T>(row_b);
      if (x.length != y.length) return false;
      const bool map = a.type().kind() == TypeKind::map;
      for (std::uint32_t i = 0; i < x.length; ++i) {
        if (!map) {
          if (!equal_values(*a.children[0], x.offset + i, *b.children[0], y.offset + i)) return false;
          continue;
        }
        // Maps are equal in any order of their (unique) keys.
        bool found = false;
        for (std::uint32_t j = 0; j < y.length && !found; ++j) {
          found = equal_values(*a.children[0], x.offset + i, *b.children[0], y.offset + j) &&
                  equal_values(*a.children[1], x.offset + i, *b.children[1], y.offset + j);
        }
        if (!found) return false;
      }
      return true;
    } else if constexpr (std::is_void_v<T>) {
      for (std::size_t c = 0; c < a.children.size(); ++c) {
        if (!equal_values(*a.children[c], row_a, *b.children[c], row_b)) return false;
      }
      return true;
    } else {
      return order(a.value<T>(row_a), b.value<T>(row_b)) == 0;
    }
  });
}

}  // namespace streamrun
