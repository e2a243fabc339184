// Measures the engines at start-up, because features do not tell which is faster: SHA-NI in the SSE
// path beats AVX2 for SHA-1 on some CPUs and loses on others. Some tens of milliseconds.
#pragma once

#include "crypto/cpu_features.h"
#include "crypto/engine_choice.h"

namespace crypto {

// Replaces IPsec-MB's widest path by a narrower one where that takes less than nine tenths of the
// time, and times the forms of DES.
void calibrate(EngineChoice& choice, const CpuFeatures& cpu);
// The forms of DES alone.
void calibrate_des(EngineChoice& choice, const CpuFeatures& cpu);

}  // namespace crypto
