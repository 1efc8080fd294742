#include "runner/operator/catalog.h"
