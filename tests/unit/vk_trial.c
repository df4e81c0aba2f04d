/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "test.h"
#include "vk/trial.h"

static const struct vtr_trial example = {
	.device_uuid = { 1, 2, 0xff },
	.driver_uuid = { [15] = 9 },
	.works = 1u << VTR_TRIAL_DEVICE | 1u << VTR_TRIAL_COMPUTE,
	.failed = VTR_TRIAL_RAY_TRACING,
	.result = -3,
};

static void comes_back(void)
{
	char text[VTR_TRIAL_TEXT];
	struct vtr_trial trial = { .failed = VTR_TRIAL_STEPS };

	vtr_trial_format(&example, text);
	CHECK_OK(vtr_trial_parse(text, &trial));
	CHECK_EQ(memcmp(&trial, &example, sizeof(trial)), 0);
}

static void other_texts_are_refused(void)
{
	static const char uuids[] = "0102ff00000000000000000000000000:00000000000000000000000000000009:";
	static const char *const ends[] = { "",      "3",      "3:4",   "3:4:",    "3:4:-3x",
		                            "3:7:0", "40:6:0", "x:6:0", "3:4:-3:0" };
	struct vtr_trial trial = example;
	char text[VTR_TRIAL_TEXT];

	CHECK_ERR(vtr_trial_parse("", &trial), VTR_ERR_ARG);
	CHECK_ERR(vtr_trial_parse("0102:03:3:4:-3", &trial), VTR_ERR_ARG);
	for (size_t i = 0; i < VTR_ARRAY_LEN(ends); i++) {
		snprintf(text, sizeof(text), "%s%s", uuids, ends[i]);
		CHECK_ERR(vtr_trial_parse(text, &trial), VTR_ERR_ARG);
	}
	CHECK_EQ(memcmp(&trial, &example, sizeof(trial)), 0);
}

static void steps_have_names(void)
{
	for (int i = 0; i < VTR_TRIAL_STEPS; i++) {
		CHECK(strlen(vtr_trial_step_name((enum vtr_trial_step)i)) > 1);
		CHECK(strlen(vtr_trial_step_key((enum vtr_trial_step)i)) > 1);
	}
}

int main(void)
{
	RUN(comes_back);
	RUN(other_texts_are_refused);
	RUN(steps_have_names);
	return 0;
}
