"""Drives a DP832 and a DL3021 with instro's own drivers: charge, discharge, and every setting that they know."""

import json
import sys
import threading

from instro.eload.drivers.rigol_dl30xx import RigolDL30xx
from instro.eload.types import LoadMode, SlewRateDirection
from instro.lib.transports.visa import VisaConfig
from instro.psu.drivers.rigol_dp800 import RigolDP800

supply = RigolDP800(VisaConfig(sys.argv[1], visa_backend="@py"))
load = RigolDL30xx(VisaConfig(sys.argv[2], visa_backend="@py"))
supply.open()
load.open()
found = {"who": supply.idn}
supply.set_voltage(3.4, 1)
supply.set_current_limit(1.0, 1)
supply.set_overvoltage_protection_level(3.6, 1)
supply.set_overvoltage_protection_enabled(True, 1)
supply.set_overcurrent_protection_level(1.2, 1)
supply.set_overcurrent_protection_enabled(True, 1)
found["set"] = [supply.get_voltage_setpoint(1), supply.get_current_setpoint(1)]
found["protected"] = [supply.get_overvoltage_protection_level(1), supply.get_overcurrent_protection_level(1)]
found["modes"] = [supply.get_operating_mode(1).name]
supply.output_enable(True, 1)
found["modes"].append(supply.get_operating_mode(1).name)
charge = []
while (volts := supply.get_voltage(1)) < 3.3 and len(charge) < 200:
    charge.append((volts, supply.get_current(1)))
supply.set_overcurrent_protection_level(0.5, 1)
found |= {"charge": charge, "end_V": volts}
found["tripped"] = supply.get_overcurrent_protection_tripped(1) and not supply.get_output_status(1)
supply.clear_protection(1)
try:
    supply.set_voltage(8.0, 3)
    found["refused"] = ""
except ValueError as error:
    found["refused"] = str(error)

load.set_mode(LoadMode.CC, 1)
load.set_range(LoadMode.CC, 4.0, 1)
load.set_cc_params(v_on=2.0, v_limit=5.0, i_limit=3.0)
load.set_slewrate(SlewRateDirection.BOTH, 0.1, 1)
load.set_sense_state("ON")
load.set_level(LoadMode.CC, 2.0, 1, None)
load.output_enable(True, 1)
threading.Event().wait(0.2)
discharge = []
while (volts := load.get_voltage(1)) > 2.9 and len(discharge) < 200:
    discharge.append((volts, load.get_current(1)))
load.output_enable(False, 1)
found |= {"discharge": discharge, "after_A": load.get_current(1)}

load.set_transient_curr_params(mode="CONT", a_level=1.0, b_level=0.5, a_width=0.1, freq=1.0, a_duty=50)
load.set_cv_params(range="MAX", v_limit="MAX", i_limit=2.0)
load.set_cr_params(range="MIN", v_limit="DEF", i_limit=2.0)
load.set_cp_params(v_limit=20, i_limit=2.0)
load.set_list_params(range=4.0, count=3, step=2, end_state="OFF")
load.set_list_step_params(step_num=1, level=0.5, width=1.0, slew=0.1)
load.set_ocp_params(
    range=4.0, v_on=2, i_set=0.1, i_step=0.1, i_delay_step=0.1, i_max=3, i_min=0.1, v_ocp=1, t_ocp=1
)
load.set_opp_params(v_on=2, p_set=0.1, p_step=0.1, p_delay_step=0.1, p_max=3, p_min=0.1, v_opp=1, t_opp=1)
load.set_wave_params(time="ADD", t_step=1)

load.set_function_mode("BATTery")
load.set_battery_params(range=4.0, level=2.0, v_stop=2.8, v_on=2.0, v_enab_stop=1)
load.set_trigger_source("MANual")
load.output_enable(True, 1)
threading.Event().wait(1.0)
found["by_itself_A"] = load.get_current(1)
found["by_itself_V"] = load.get_voltage(1)
load.close()
supply.close()
print(json.dumps(found))
