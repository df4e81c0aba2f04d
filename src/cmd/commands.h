/* SPDX-License-Identifier: MIT */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "cmd/opts.h"

/* One for each file: run.c, serve.c, ... main.c lists them. */
extern const struct vtr_command vtr_cmd_run;
extern const struct vtr_command vtr_cmd_serve;
extern const struct vtr_command vtr_cmd_status;
extern const struct vtr_command vtr_cmd_gpu;
extern const struct vtr_command vtr_cmd_cdi;
extern const struct vtr_command vtr_cmd_cdi_hook;
extern const struct vtr_command vtr_cmd_vm;
extern const struct vtr_command vtr_cmd_demo;
extern const struct vtr_command vtr_cmd_doctor;
extern const struct vtr_command vtr_cmd_worker;
extern const struct vtr_command vtr_cmd_zygote;
extern const struct vtr_command vtr_cmd_screen;
extern const struct vtr_command vtr_cmd_window;
extern const struct vtr_command vtr_cmd_mux;
extern const struct vtr_command vtr_cmd_encoder;

#endif
