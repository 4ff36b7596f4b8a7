# The rooms of the house, from the ground up; docs/architecture.md has the drawing. A room may use the rooms before it.
set(odysseus_rooms base system settings hardware download builds models memory server proxy commands)

# The files of each room that only decide: values in, values and reasons out, no system, library or clock. All others work.
set(odysseus_decisions_base backend dotted_version json_fault text version visible wrap)
set(odysseus_decisions_system elf_loader kernel_text port_text progress_line windows_command_line)
set(odysseus_decisions_settings settings settings_table)
set(odysseus_decisions_hardware linux_text machine machine_json macos_text mig_text nvidia_text visible_devices)
set(odysseus_decisions_download http_date transfer url)
set(odysseus_decisions_builds api_reply asset_choice asset_name asset_offer attestation_text build build_manifest guessed_release known_builds library_path member_path
    release runtime_fit server_text system_trouble)
set(odysseus_decisions_models compute_shape draft_model file_pieces gguf_header hub_choice hub_listing hub_name kv_shape model model_catalog model_groups model_kind
    model_name model_room name_claims name_index name_readings name_rules ollama_store pulled_origins router_view starter_models toy_model weights)
set(odysseus_decisions_memory companions compute_buffer context_choice context_memory device_memory fit_report kv_cost model_fit placement worker_fit)
set(odysseus_decisions_server argument_rules foreign_config ladder launch_plan line_splitter line_text log_line oom_verdict preset refused_allocation model_processes rpc_text token_meter user_arguments)
set(odysseus_decisions_proxy access conversation dialect endpoints event_lines http_forward http_head message_start metrics_text models_answer multipart
    ollama_answer ollama_endpoints ollama_fields ollama_messages ollama_models ollama_options ollama_pull ollama_request peer_address peer_list
    peer_routes peer_view query request_line rewrite router_remark
    switch_queue worker_frames worker_hello worker_view)
set(odysseus_decisions_commands build_news_text findings findings_settings findings_report open_choice page_pull pairing plan_report redact status_report)
