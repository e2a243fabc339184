// Readers of mmsecmethods and qmsecmethods. The grammar accepts the classic netsh form
// (3DES-SHA1-2, ESP[3DES,SHA1]:100000k/3600s) and the form of newer references (3DES-SHA1 DHGroup2,
// ESP:3DES-SHA1). Algorithm names come from the rows of config/algorithms.h.
#include "config/methods.h"

#include "config/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace config {
namespace {

// An IKEv1 proposal numbers its transforms with one byte (RFC 2408 3.6).
constexpr std::size_t kMaxMethods = 255;
constexpr std::uint16_t kDefaultDhGroup = 2;
constexpr std::uint32_t kMinSeconds = 300;
constexpr std::uint32_t kMaxSeconds = 172800;
constexpr std::uint32_t kMinKilobytes = 20480;
constexpr std::uint32_t kMaxKilobytes = 2147483647;
constexpr std::string_view kBlanks = " \t";

Error bad_method(std::string_view method, std::string_view expected) {
    return Error{ErrorCode::kBadMethods,
                 fmt::format("The security method \"{}\" cannot be read: {}.", method, expected)};
}

Error too_many_methods() {
    return Error{ErrorCode::kBadMethods,
                 fmt::format("There are more than {} security methods.", kMaxMethods)};
}

std::optional<Cipher> find_cipher(std::string_view name) {
    if (equals_ignoring_case(name, "AES")) {
        return Cipher::kAes128;
    }
    for (const CipherRow& row : kCiphers) {
        if (row.cipher != Cipher::kNone && equals_ignoring_case(name, row.token)) {
            return row.cipher;
        }
    }
    return std::nullopt;
}

std::optional<Hash> find_hash(std::string_view name) {
    if (equals_ignoring_case(name, "SHA")) {
        return Hash::kSha1;
    }
    for (const HashRow& row : kHashes) {
        if (row.hash != Hash::kNone && equals_ignoring_case(name, row.token)) {
            return row.hash;
        }
    }
    return std::nullopt;
}

bool is_none(std::string_view name) {
    return equals_ignoring_case(name, "none");
}

std::optional<std::uint32_t> parse_number(std::string_view digits) {
    std::uint32_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, status] = std::from_chars(digits.data(), end, value);
    if (digits.empty() || status != std::errc{} || stop != end) {
        return std::nullopt;
    }
    return value;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    std::size_t begin = text.find_first_not_of(separators);
    while (begin != std::string_view::npos) {
        const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = text.find_first_not_of(separators, end);
    }
    return parts;
}

// Both fields of every separator, empty ones included: "3DES--2" has three.
std::vector<std::string_view> split_fields(std::string_view text, char separator) {
    std::vector<std::string_view> fields;
    std::size_t begin = 0;
    while (true) {
        const std::size_t end = text.find(separator, begin);
        fields.push_back(text.substr(begin, end - begin));
        if (end == std::string_view::npos) {
            return fields;
        }
        begin = end + 1;
    }
}

// `legacy`: the number stands in a-b-n, where 3 is IKE group 14.
std::optional<std::uint16_t> find_dh_group(std::uint32_t number, bool legacy) {
    for (const DhGroupRow& row : kDhGroups) {
        if (row.ike_group == number || (legacy && row.netsh_group == number)) {
            return row.ike_group;
        }
    }
    return std::nullopt;
}

constexpr std::string_view kDhWord = "DHGroup";

// "DHGroup14"
std::optional<std::uint16_t> parse_dh_word(std::string_view word) {
    if (!starts_with_ignoring_case(word, kDhWord)) {
        return std::nullopt;
    }
    const std::optional<std::uint32_t> number = parse_number(word.substr(kDhWord.size()));
    return number ? find_dh_group(*number, false) : std::nullopt;
}

Result<MmOffer> parse_mm_method(std::string_view word, bool& has_group) {
    const std::vector<std::string_view> fields = split_fields(word, '-');
    if (fields.size() < 2 || fields.size() > 3) {
        return bad_method(word, "Encryption-Integrity-Group is expected, such as 3DES-SHA1-2");
    }
    // The names tell encryption and integrity apart, so either may come first.
    const bool swapped = find_hash(fields[0]).has_value();
    const std::optional<Cipher> cipher = find_cipher(fields[swapped ? 1 : 0]);
    const std::optional<Hash> hash = find_hash(fields[swapped ? 0 : 1]);
    if (!cipher || !row_of(*cipher).main_mode) {
        return bad_method(word, "its encryption must be DES, 3DES, AES128, AES192 or AES256");
    }
    if (!hash || !row_of(*hash).main_mode) {
        return bad_method(word, "its integrity must be MD5, SHA1, SHA256, SHA384 or SHA512");
    }
    MmOffer offer{*cipher, *hash, kDefaultDhGroup};
    has_group = fields.size() == 3;
    if (has_group) {
        const std::optional<std::uint32_t> number = parse_number(fields[2]);
        const std::optional<std::uint16_t> group =
            number ? find_dh_group(*number, true) : std::nullopt;
        if (!group) {
            return bad_method(word, "its group must be 1, 2, 3 (= IKE group 14), 14 to 21 or 24");
        }
        offer.dh_group = *group;
    }
    return offer;
}

// The blank-separated words of one segment: methods, each optionally followed by its DHGroupN.
Result<void> parse_mm_segment(std::string_view segment,
                              bool one_method_only,
                              std::vector<MmOffer>& offers) {
    bool has_group = true;  // nothing before the first word can take a DHGroupN
    std::size_t methods = 0;
    for (const std::string_view word : split(segment, kBlanks)) {
        if (starts_with_ignoring_case(word, kDhWord)) {
            const std::optional<std::uint16_t> group = parse_dh_word(word);
            if (!group) {
                return bad_method(word, "the number must be an IKE group: 1, 2, 14 to 21 or 24");
            }
            if (has_group) {
                return bad_method(word, "it must follow a method that has no group yet");
            }
            offers.back().dh_group = *group;
            has_group = true;
            continue;
        }
        if (one_method_only && ++methods > 1) {
            return bad_method(segment, "a list with \";\" or \",\" separates every method by it");
        }
        Result<MmOffer> offer = parse_mm_method(word, has_group);
        if (!offer) {
            return offer.error();
        }
        offers.push_back(*offer);
    }
    return {};
}

// Reads a list of quick mode offers from left to right; blanks may stand inside brackets, before an
// opening bracket and around '+', elsewhere they separate.
class QmReader {
  public:
    QmReader(std::string_view text, const QmOffer& defaults) : text_(text), defaults_(defaults) {}

    Result<std::vector<QmOffer>> read_list();

  private:
    Result<void> read_offer(QmOffer& offer);
    Result<void> read_part(QmOffer& offer);
    Result<void> read_algorithms(std::string_view first, std::vector<std::string_view>& names);
    Result<void> take_ah(const std::vector<std::string_view>& names, QmOffer& offer) const;
    Result<void> take_esp(const std::vector<std::string_view>& names, QmOffer& offer) const;
    Result<void> read_lifetime(QmOffer& offer);

    [[nodiscard]] bool at_end() const { return position_ >= text_.size(); }
    void skip(std::string_view characters) {
        position_ = std::min(text_.find_first_not_of(characters, position_), text_.size());
    }
    // Takes `character` if it comes next, after blanks if `blanks` says so.
    bool take(char character, bool blanks) {
        const std::size_t before = position_;
        if (blanks) {
            skip(kBlanks);
        }
        if (!at_end() && text_[position_] == character) {
            ++position_;
            return true;
        }
        position_ = before;
        return false;
    }
    std::string_view read_word() {
        const std::size_t begin = position_;
        while (!at_end() && is_word_character(text_[position_])) {
            ++position_;
        }
        return text_.substr(begin, position_ - begin);
    }
    [[nodiscard]] static bool is_word_character(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    [[nodiscard]] Error fail(std::string_view expected) const {
        const std::size_t end = std::min(text_.find_first_of(" \t;", position_), text_.size());
        return bad_method(text_.substr(begin_, end - begin_), expected);
    }

    std::string_view text_;
    const QmOffer defaults_;
    std::size_t position_ = 0;
    std::size_t begin_ = 0;  // of the offer that is being read, for messages
};

Result<std::vector<QmOffer>> QmReader::read_list() {
    constexpr std::string_view kSeparators = " \t;";
    std::vector<QmOffer> offers;
    skip(kSeparators);
    while (!at_end()) {
        QmOffer offer = defaults_;
        begin_ = position_;
        if (Result<void> read = read_offer(offer); !read) {
            return read.error();
        }
        offers.push_back(offer);
        if (!at_end() && kSeparators.find(text_[position_]) == std::string_view::npos) {
            return fail("a blank or \";\" is expected behind it");
        }
        skip(kSeparators);
    }
    return offers;
}

Result<void> QmReader::read_offer(QmOffer& offer) {
    do {
        skip(kBlanks);
        if (Result<void> part = read_part(offer); !part) {
            return part;
        }
    } while (take('+', true));
    return take(':', false) ? read_lifetime(offer) : Result<void>{};
}

// ESP[3DES,SHA1], AH[SHA1], ESP:3DES-SHA1 or 3DES-SHA1.
Result<void> QmReader::read_part(QmOffer& offer) {
    const std::string_view word = read_word();
    const bool ah = equals_ignoring_case(word, "AH");
    const bool esp = equals_ignoring_case(word, "ESP");
    std::vector<std::string_view> names;
    if (ah || esp) {
        if (Result<void> read = read_algorithms({}, names); !read) {
            return read;
        }
        return ah ? take_ah(names, offer) : take_esp(names, offer);
    }
    if (word.empty()) {
        return fail("ESP[encryption,integrity] or AH[integrity] is expected");
    }
    if (Result<void> read = read_algorithms(word, names); !read) {
        return read;
    }
    return take_esp(names, offer);
}

// The names in brackets or behind a colon; with `first` already read, the names joined by '-'.
Result<void> QmReader::read_algorithms(std::string_view first,
                                       std::vector<std::string_view>& names) {
    if (!first.empty()) {
        names.push_back(first);
        if (!take('-', false)) {
            return fail("ESP[...], AH[...] or encryption-integrity is expected");
        }
        names.push_back(read_word());
        return {};
    }
    if (take('[', true)) {
        do {
            skip(kBlanks);
            names.push_back(read_word());
        } while (take(',', true));
        return take(']', true) ? Result<void>{} : fail("\"]\" is missing");
    }
    if (take(':', false)) {
        do {
            names.push_back(read_word());
        } while (take('-', false));
        return {};
    }
    return fail("\"[\" or \":\" is expected behind the protocol");
}

Result<void> QmReader::take_ah(const std::vector<std::string_view>& names, QmOffer& offer) const {
    if (offer.ah != Hash::kNone) {
        return fail("it names AH twice");
    }
    const std::optional<Hash> hash = names.size() == 1 ? find_hash(names[0]) : std::nullopt;
    if (!hash || !row_of(*hash).quick_mode) {
        return fail("AH takes one integrity: MD5, SHA1, SHA256, SHA384 or SHA512");
    }
    offer.ah = *hash;
    return {};
}

Result<void> QmReader::take_esp(const std::vector<std::string_view>& names, QmOffer& offer) const {
    if (offer.has_esp) {
        return fail("it names ESP twice");
    }
    if (names.empty() || names.size() > 2) {
        return fail("ESP takes one encryption and one integrity");
    }
    std::optional<Cipher> cipher;
    std::optional<Hash> hash;
    for (const std::string_view name : names) {
        const std::optional<Cipher> as_cipher = find_cipher(name);
        const std::optional<Hash> as_hash = find_hash(name);
        if (as_cipher && !cipher && row_of(*as_cipher).quick_mode) {
            cipher = as_cipher;
        } else if (as_hash && !hash && row_of(*as_hash).quick_mode) {
            hash = as_hash;
        } else if (!is_none(name)) {
            return fail(
                "ESP takes one encryption (None, DES, 3DES, AES128, AES192, AES256, AESGCM128, "
                "AESGCM256) and one integrity (None, MD5, SHA1, SHA256, SHA384, SHA512)");
        }
    }
    if (!cipher && !hash) {
        return fail("encryption and integrity cannot both be None");
    }
    const bool aead = cipher && row_of(*cipher).aead;
    if (aead && hash) {
        return fail("this encryption brings its own integrity, write None for the other");
    }
    if (names.size() == 1 && !aead) {
        return fail("ESP takes one encryption and one integrity");
    }
    // RFC 3686 3.3. Of the ciphers that are no AEAD only counter modes have a salt.
    if (cipher && !hash && !aead && row_of(*cipher).bytes.salt != 0) {
        return fail("a counter mode cannot do without integrity");
    }
    // RFC 4543 2: in ESP it is for the null cipher.
    if (cipher && hash && row_of(*hash).bytes.salt != 0) {
        return fail("AES-GMAC goes with the encryption None");
    }
    offer.has_esp = true;
    offer.esp_cipher = cipher.value_or(Cipher::kNone);
    offer.esp_hash = hash.value_or(Hash::kNone);
    return {};
}

// "100000k/3600s", either part alone or both in any order.
Result<void> QmReader::read_lifetime(QmOffer& offer) {
    bool has_seconds = false;
    bool has_kilobytes = false;
    do {
        const std::string_view word = read_word();
        const std::optional<std::uint32_t> number =
            word.empty() ? std::nullopt : parse_number(word.substr(0, word.size() - 1));
        const char unit = word.empty() ? ' ' : word.back();
        const bool seconds = unit == 's' || unit == 'S';
        const bool kilobytes = unit == 'k' || unit == 'K';
        if (!number || (!seconds && !kilobytes) || (seconds ? has_seconds : has_kilobytes)) {
            return fail("the lifetime must be kilobytes and seconds, such as 100000k/3600s");
        }
        if (seconds && (*number < kMinSeconds || *number > kMaxSeconds)) {
            return fail(fmt::format("seconds must be {} to {}", kMinSeconds, kMaxSeconds));
        }
        if (kilobytes && (*number < kMinKilobytes || *number > kMaxKilobytes)) {
            return fail(fmt::format("kilobytes must be {} to {}", kMinKilobytes, kMaxKilobytes));
        }
        (seconds ? has_seconds : has_kilobytes) = true;
        (seconds ? offer.seconds : offer.kilobytes) = *number;
    } while (take('/', false));
    return {};
}

}  // namespace

Result<std::vector<MmOffer>> parse_mm_methods(std::string_view text) {
    std::vector<MmOffer> offers;
    const bool separated = text.find_first_of(";,") != std::string_view::npos;
    for (const std::string_view segment : separated ? split(text, ";,") : split(text, "")) {
        if (Result<void> read = parse_mm_segment(segment, separated, offers); !read) {
            return read.error();
        }
    }
    if (offers.empty()) {
        return bad_method(text, "at least one method is expected, such as 3DES-SHA1-2");
    }
    if (offers.size() > kMaxMethods) {
        return too_many_methods();
    }
    return offers;
}

Result<std::vector<QmOffer>> parse_qm_methods(std::string_view text) {
    Result<std::vector<QmOffer>> offers = QmReader(text, {}).read_list();
    if (offers && offers->empty()) {
        return bad_method(text, "at least one method is expected, such as ESP[3DES,SHA1]");
    }
    if (offers && offers->size() > kMaxMethods) {
        return too_many_methods();
    }
    return offers;
}

Result<QmOffer> parse_sa_method(std::string_view text) {
    const auto offers = QmReader(text, {.kilobytes = 0, .seconds = 0}).read_list();
    if (offers && offers->size() != 1) {
        return bad_method(text, "one method is expected, such as ESP[AES128,SHA1]");
    }
    return offers ? Result<QmOffer>(offers->front()) : offers.error();
}

std::vector<MmOffer> default_mm_methods() {
    return {{Cipher::k3des, Hash::kSha1, 2},
            {Cipher::k3des, Hash::kMd5, 2},
            {Cipher::k3des, Hash::kSha1, 14}};
}

std::vector<QmOffer> default_qm_methods() {
    QmOffer sha1{.has_esp = true, .esp_cipher = Cipher::k3des, .esp_hash = Hash::kSha1};
    QmOffer md5 = sha1;
    md5.esp_hash = Hash::kMd5;
    return {sha1, md5};
}

bool is_weak(const MmOffer& offer) {
    const bool weak_group =
        std::any_of(kDhGroups.begin(), kDhGroups.end(), [&](const DhGroupRow& row) {
            return row.ike_group == offer.dh_group && row.weak;
        });
    return row_of(offer.cipher).weak || row_of(offer.hash).weak || weak_group;
}

bool is_weak(const QmOffer& offer) {
    // RFC 4303 3.2.2: encryption without integrity leaves the traffic open to active attacks.
    const bool unauthenticated = offer.has_esp && offer.ah == Hash::kNone
                                 && offer.esp_hash == Hash::kNone && !row_of(offer.esp_cipher).aead;
    return unauthenticated || row_of(offer.ah).weak || row_of(offer.esp_cipher).weak
           || row_of(offer.esp_hash).weak;
}

}  // namespace config
