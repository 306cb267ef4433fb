# hapair_library(NAME SOURCES... LINK libs...)     a static library; includes are written from the project's root
# hapair_schema(NAME FILE)                         a protobuf-lite library from one .proto
# hapair_test(NAME LABEL kind [ROOT] [SIDE_BY_SIDE] [TIMEOUT s] SOURCES... LINK libs...)
#                                                  a GoogleTest program, one CTest entry per case

function(hapair_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

function(hapair_schema name file)
  get_filename_component(stem ${file} NAME_WE)
  file(RELATIVE_PATH relative ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  get_filename_component(folder ${relative} DIRECTORY)
  set(out ${PROJECT_BINARY_DIR}/generated)
  set(cc ${out}/${folder}/${stem}.pb.cc)
  set(h ${out}/${folder}/${stem}.pb.h)
  file(MAKE_DIRECTORY ${out}/${folder})
  add_custom_command(
    OUTPUT ${cc} ${h}
    COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR} --cpp_out=${out} ${PROJECT_SOURCE_DIR}/${relative}
    DEPENDS ${PROJECT_SOURCE_DIR}/${relative} protobuf::protoc
    COMMENT "schema ${relative}")
  add_library(${name} STATIC ${cc} ${h})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_compile_options(${name} PRIVATE -w)
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf-lite)
endfunction()

include(GoogleTest)
function(hapair_test name)
  cmake_parse_arguments(ARG "ROOT;SIDE_BY_SIDE" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main GTest::gmock)
  set(properties LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
  if(ARG_ROOT AND NOT ARG_SIDE_BY_SIDE)
    # Namespaces, two cores and clients that measure milliseconds: one at a time. SIDE_BY_SIDE are those that mostly
    # wait, and whose bounds leave room for a neighbour.
    list(APPEND properties RUN_SERIAL TRUE)
  endif()
  gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 30 PROPERTIES ${properties})
endfunction()
