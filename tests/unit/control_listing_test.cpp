#include "control/listing.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace {

using control::Layout;
using control::Listing;
using control::RecordStyle;

void describe(Listing& listing) {
    listing.begin_records("things");
    for (int i = 0; i < 2; ++i) {
        listing.begin_record();
        listing.text("Thing Name", "name", i == 0 ? "a\tb" : "quote\" \\ \x01");
        listing.text_or_none("Description", "description", "");
        listing.flag("Assigned", "assigned", i == 0);
        listing.number_as("Interval", "interval", "3 minutes", 3);
        listing.begin_records("parts", "Part(s)");
        listing.begin_record();
        listing.number("Size", "size", 7);
        listing.end_record();
        listing.end_records();
        listing.end_record();
    }
    listing.end_records();
    listing.number("No. of things", "thing_count", 2);
}

TEST(Listing, ListPadsTheKeyTo24Columns) {
    Listing listing(Layout::kList, false);
    describe(listing);
    const std::string text = listing.take();
    EXPECT_EQ(text.substr(0, text.find("Interval")),
              "\n"
              "Thing Name              : a\tb\n"
              "Description             : NONE\n"
              "Assigned                : YES\n");
    EXPECT_NE(text.find("Part(s)\n-------\nSize                    : 7\n"), std::string::npos);
    EXPECT_TRUE(text.ends_with("\nNo. of things           : 2\n"));
}

TEST(Listing, JsonIsValidAndKeepsTypes) {
    Listing listing(Layout::kJson, false);
    describe(listing);
    const nlohmann::json json = nlohmann::json::parse(listing.take());
    EXPECT_EQ(json["thing_count"], 2);
    ASSERT_EQ(json["things"].size(), 2U);
    EXPECT_EQ(json["things"][0]["assigned"], true);
    EXPECT_EQ(json["things"][0]["description"], "");
    EXPECT_EQ(json["things"][1]["name"], "quote\" \\ \x01");
    EXPECT_EQ(json["things"][1]["interval"], 3);
    EXPECT_EQ(json["things"][1]["parts"][0]["size"], 7);
}

TEST(Listing, JsonReplacesBytesThatAreNotUtf8) {
    EXPECT_EQ(control::json_quote("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
    EXPECT_EQ(control::json_quote("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    EXPECT_EQ(control::json_quote("gr\xC3\xBC\xC3\x9F"), "\"gr\xC3\xBC\xC3\x9F\"");
}

TEST(Listing, TableSeparatesCellsByTabs) {
    Listing listing(Layout::kTable, true);
    listing.begin_records("things");
    listing.begin_record();
    listing.text("Name", "name", "a\tb");
    listing.number("Size", "size", 3);
    listing.end_record();
    listing.end_records();
    const std::string text = listing.take();
    EXPECT_TRUE(text.starts_with("Name\tSize\n-----")) << text;
    EXPECT_TRUE(text.ends_with("-\na b\t3\n")) << text;
}

TEST(Listing, NarrowTablePutsLongRecordsOnTwoLines) {
    for (const bool wide : {false, true}) {
        Listing listing(Layout::kTable, wide);
        listing.begin_records("things");
        listing.begin_record();
        for (const char* cell : {"1", "2", "3", "4", "5", "6"}) {
            listing.text("Cell", "cell", cell);
        }
        listing.end_record();
        listing.end_records();
        const std::string text = listing.take();
        EXPECT_TRUE(text.ends_with(wide ? "\n1\t2\t3\t4\t5\t6\n" : "\n1\t2\t3\n4\t5\t6\n")) << text;
    }
}

}  // namespace
