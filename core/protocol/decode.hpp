// SPDX-License-Identifier: Apache-2.0
// What decode.cpp and decode_rows.cpp share: for each command, how one field is read and what must
// hold for the whole.
#pragma once

#include "core/protocol/field_reader.hpp"

namespace pawl::protocol {

// Three columns of a row: lane, offset, length.
Range read_range(FieldReader& in);

void read_field(FieldReader& in, Send& send);
void read_field(FieldReader& in, Confirm& confirm);
void read_field(FieldReader& in, Refuse& refuse);
void read_field(FieldReader& in, Credit& credit);
void read_field(FieldReader& in, Deliver& deliver);
void read_field(FieldReader& in, Settle& settle);
void read_field(FieldReader& in, Settled& settled);
void read_field(FieldReader& in, Recall& recall);

void check_whole(FieldReader& in, const Send& send);
void check_whole(FieldReader& in, const Confirm& confirm);
void check_whole(FieldReader& in, const Refuse& refuse);
void check_whole(FieldReader& in, const Credit& credit);
void check_whole(FieldReader& in, const Deliver& deliver);
void check_whole(FieldReader& in, const Settle& settle);
void check_whole(FieldReader& in, const Settled& settled);
void check_whole(FieldReader& in, const Recall& recall);

}  // namespace pawl::protocol
