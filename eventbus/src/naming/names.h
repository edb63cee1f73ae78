// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "penstock/eventbus/message.h"

// Everything that becomes part of the wire protocol is checked here first: nats.c checks neither subjects nor header
// names, and a line break in one would be a command to the server (measured; docs/adr/0002).
//
// All errors are `kInvalidArgument`. Checks of a field return `field "name" ...`, to be put behind what it is a field
// of.
namespace penstock::eventbus {

/// A topic of a bus whose streams begin with `base`: 1 to 255 bytes, tokens of `[A-Za-z0-9_-]` joined by single dots.
/// The first token is none of `_INBOX`, `_R_` and `_GR_`, where servers and clients expect replies. Refuses, too, a
/// topic whose stream would have a name over 255 bytes (what servers take), the topic `dead.letters`, whose stream
/// would be that of the dead letters, and topics that begin with the token `{base}_dead_letters` or `{base}-delayed`,
/// which are subjects of the streams of those names. `what` begins the error's text, such as `publish to`.
absl::Status CheckTopic(std::string_view what, std::string_view topic, std::string_view base);

/// The fault of `topic` by itself, in words; empty when there is none.
std::string TopicFault(std::string_view topic);

/// A stream, durable, group or client name: 1 to 64 bytes of `[A-Za-z0-9_-]`.
absl::Status CheckName(std::string_view field, std::string_view name);

/// A prefix of other subjects: 1 to 128 bytes, tokens of visible ASCII without `*`, `>`, `"` and `\`, joined by
/// single dots.
absl::Status CheckSubjectPrefix(std::string_view field, std::string_view prefix);

/// A user's header fields: names of `[!#$%&'*+.^_`|~0-9A-Za-z-]`, 1 to 128 bytes, not beginning with `Nats-` or
/// `Penstock-` in any case, but for `Penstock-Fence`; values up to 4 KiB without CR, LF and NUL; at most 64 fields.
absl::Status CheckHeaders(const Headers& headers);

/// An aggregate ID or key: 1 to 256 bytes of valid UTF-8 without spaces and control characters.
absl::Status CheckAggregateId(std::string_view field, std::string_view id);

/// The longest message ID.
inline constexpr std::size_t kMostMessageIdBytes = 128;

/// Up to `max_bytes` of visible ASCII, at least 1 when `required`.
enum class Presence { kOptional, kRequired };
absl::Status CheckVisibleAscii(std::string_view field, std::string_view value, std::size_t max_bytes,
                               Presence presence);

/// `kInvalidArgument`: `field "name" fault`.
absl::Status BadField(std::string_view field, std::string_view fault);

/// The same, unless it `holds`.
absl::Status Require(bool holds, std::string_view field, std::string_view fault);

/// Whether two header names are the same: they are compared without regard to case.
bool SameName(std::string_view one, std::string_view other);

/// `status` with `what` and `: ` before its text.
absl::Status Prefixed(std::string_view what, const absl::Status& status);

/// Writes bytes that are not visible ASCII, and `%`, as `%XX`, so that they fit a header value; and reads them back (a
/// broken escape is kept as it stands).
std::string PercentEncode(std::string_view text);
std::string PercentDecode(std::string_view text);

/// `text` in double quotes, for error texts and log lines: control characters, bytes that are no UTF-8 and spaces other
/// than U+0020 as `\xXX`, quotes and backslashes escaped, cut after about 128 bytes.
std::string Quoted(std::string_view text);

/// A URL, or a list of them, without user, password and token: `nats://***@host`. What is no `host` or `host:port` is
/// not shown.
std::string RedactUrl(std::string_view url);

}  // namespace penstock::eventbus
