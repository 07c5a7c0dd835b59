# The standard library's headers, read once for each target and not for each file: a tenth of the
# whole build. That every file includes what it uses is seen by `./dev lint`, which has none of this.
function(pawl_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <atomic> <chrono> <cstdint> <deque> <functional> <map> <memory> <mutex>
    <optional> <set> <span> <string> <string_view> <utility> <variant> <vector>)
endfunction()

# Files that are all options and wiring are compiled more often than they run.
function(pawl_compile_quickly level)
  set_source_files_properties(${ARGN} PROPERTIES
    COMPILE_OPTIONS ${level} SKIP_PRECOMPILE_HEADERS ON)
endfunction()
