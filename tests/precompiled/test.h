#include <catch2/catch.hpp>

#include "runner/operator/catalog.h"
