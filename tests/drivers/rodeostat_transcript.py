"""Exchanges with a Rodeostat: from its documentation of the JSON commands, and as its firmware 0.1.0 writes them."""

IDENTIFY = (
    (
        b'{"command":"getVariant"}\n',
        b'{"success":true,"response":{"command":"getVariant","variant":"10V_microAmpV0.2"}}\r\n',
    ),
    (
        b'{"command":"getDeviceId"}\n',
        b'{"success":true,"response":{"command":"getDeviceId","deviceId":1}}\r\n',
    ),
    (
        b'{"command":"getVersion"}\n',
        b'{"success":true,"response":{"command":"getVersion","version":"FW0.1.0"}}\r\n',
    ),
)
OPEN = (
    (
        b'{"command":"getCtrElectConnected"}\n',
        b'{"success":true,"response":{"command":"getCtrElectConnected","connected":false}}\r\n',
    ),
)
DOCUMENTED = (
    (
        b'{"command":"setVolt","v":0.5}\n',
        b'{"success":true,"response":{"command":"setVolt","v":0.499878}}\r\n',
    ),
    (b'{"command":"getVolt"}\n', b'{"success":true,"response":{"command":"getVolt","v":0.499878}}\r\n'),
    (
        b'{"command":"setVoltRange","voltRange":"5V"}\n',
        b'{"success":true,"response":{"command":"setVoltRange","voltRange":"5V"}}\r\n',
    ),
    (b'{"command":"getVolt"}\n', b'{"success":true,"response":{"command":"getVolt","v":2.499389}}\r\n'),
    (
        b'{"command":"setCurrRange","currRange":"100uA"}\n',
        b'{"success":true,"response":{"command":"setCurrRange","currRange":"100uA"}}\r\n',
    ),
    (
        b'{"command":"setCurrRange","currRange":"1kA"}\n',
        b'{"success":false,"message":"currRange, 1kA, not found",'
        b'"response":{"command":"setCurrRange","currRange":"100uA"}}\r\n',
    ),
    (
        b'{"command":"setSamplePeriod","samplePeriod":20}\n',
        b'{"success":true,"response":{"command":"setSamplePeriod","samplePeriod":20}}\r\n',
    ),
    (
        b'{"command":"setSamplePeriod","samplePeriod":1001}\n',
        b'{"success":false,"message":"json samplePeriod value is too large",'
        b'"response":{"command":"setSamplePeriod"}}\r\n',
    ),
    (
        b'{"command":"setParam","test":"cyclic","param":{"amplitude":0.5,"period":2000}}\n',
        b'{"success":true,"response":{"command":"setParam","test":"cyclic","param":{"amplitude":0.5,"period":2000}}}\r\n',
    ),
    (
        b'{"command":"getParam","test":"cyclic"}\n',
        b'{"success":true,"response":{"command":"getParam","test":"cyclic","param":{"quietValue":0,"quietTime":0,'
        b'"amplitude":0.5,"offset":0,"period":2000,"numCycles":10,"shift":0}}}\r\n',
    ),
    (
        b'{"command":"getTestDoneTime","test":"cyclic"}\n',
        b'{"success":true,"response":{"command":"getTestDoneTime","test":"cyclic","testDoneTime":20000}}\r\n',
    ),
    (
        b'{"command":"getTestNames"}\n',
        b'{"success":true,"response":{"command":"getTestNames","testNames":["cyclic","sinusoid","constant","squareWave",'
        b'"linearSweep","chronoamp","multiStep","differentialPulse"]}}\r\n',
    ),
    (b'{"command":"stopTest"}\n', b'{"success":true,"response":{"command":"stopTest"}}\r\n{}\r\n'),
    (
        b'{"command":"nope"}\n',
        b'{"success":false,"message":"command, nope, not found","response":{}}\r\n',
    ),
    (b"{bad\n", b'{"success":false,"message":"unable to parse json","response":{}}\r\n'),
    (
        b'{"command":"runTest","test":"none"}\n',
        b'{"success":false,"message":"test not found","response":{"command":"runTest","test":"none"}}\r\n',
    ),
    (
        b'{"command":"setMuxWrkElectConnected","connected":1}\n',
        b'{"success":false,"message":"mux not enabled - unable to connect/disconnect",'
        b'"response":{"command":"setMuxWrkElectConnected"}}\r\n',
    ),
)
