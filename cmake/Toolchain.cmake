# Compiler flags of every target of ours; packaged headers come in as SYSTEM and are not judged by them.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
# gcc 12 sees overlapping copies inside std::string that are none (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-Wno-restrict)
endif()
if(HAPAIR_WERROR)
  add_compile_options(-Werror)
endif()

if(HAPAIR_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-maybe-uninitialized)  # its instrumentation hides initialisations from gcc's own warning
  endif()
  add_compile_options(-fsanitize=${HAPAIR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${HAPAIR_SANITIZE})
  add_compile_definitions(HAPAIR_SANITIZED)
  if(HAPAIR_SANITIZE MATCHES "undefined")
    # This check asks through a pipe whether memory is readable, and takes a full descriptor table, which our tests
    # provoke, for a broken object. The address sanitizer finds those anyway.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()

# A second build of the same tree (another preset, a fresh clone) should cost seconds.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
