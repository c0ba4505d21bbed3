"""Three phases, the ATT7022 model, its driver and the energy count, as a meter has them."""

from collections.abc import Sequence

from dianka.bench.models.att7022 import Inputs
from dianka.bench.models.att7022_link import Att7022Model
from dianka.bench.models.mains import Mains
from parts import Parts

MAX_MW = 27_000_000
SELECT = 2
MODES = (500_000, 0, 1), (500_000, 1, 1)
# Constants of generation B for the same parts: HFconst, and the three voltage gains (24 bits).
CONSTANTS_B = {0x20: 55, 0x1B: 0xEA58F0, 0x1C: 0xEA58F0, 0x1D: 0xEA58F0}


class AttRig:
    def __init__(
        self,
        loads_mw: Sequence[int] = (2_200_000, 0, 0),
        generation: str = "E",
        inputs: Sequence[Inputs] = (Inputs(), Inputs(), Inputs()),
    ) -> None:
        self.parts = Parts()
        self.clock = self.parts.clock
        self.phases = [Mains(self.clock) for _ in range(3)]
        for mains, load_mw in zip(self.phases, loads_mw, strict=True):
            mains.set_load(load_mw)
        mcu = self.parts.mcu
        select = mcu.get_pin(SELECT)
        select.set(1)
        self.model = Att7022Model(self.clock, self.phases, select, inputs, generation)
        mcu.get_spi_bus(0).devices.append(self.model)
        self.counted = 0
        self.start()

    def start(self, register: int = 0, warm: bool = False) -> None:
        """Start the controller: a new driver and count."""
        machine, module = self.parts.machine(), self.parts.module
        spi = machine.SPI(0, baudrate=500_000, polarity=1, phase=1, sck=None, mosi=None, miso=None)
        bus = module("spi_guest").SpiGuest(spi, *MODES)
        parts, is_e = module("att7022_parts"), self.model.generation == "E"
        self.chip = module("att7022").Att7022(
            bus,
            machine.Pin(SELECT, machine.Pin.OUT, value=1),
            parts.CONSTANTS if is_e else CONSTANTS_B,
            parts.IMP_PER_KWH,
            parts.N_MILLI,
            0 if is_e else 1,
        )
        self.metering = module("metering").Metering(self.chip, register, MAX_MW, warm)

    def run(self, ms: int, step_ms: int = 100) -> int:
        """Let this time pass, with a poll at each step; return the pulses that are charged."""
        end_us, charged = self.clock.now_us + ms * 1000, 0
        while self.clock.now_us < end_us:
            self.clock.advance(min(self.clock.now_us + step_ms * 1000, end_us))
            energy_pj = self.metering.take_pj()
            if energy_pj:
                pulses, rest = divmod(energy_pj, self.chip.pulse_pj)
                assert rest == 0
                charged += pulses
        self.counted += charged
        return charged

    @property
    def forward(self) -> int:
        """Pulses that the model has counted forwards, by its own integral."""
        self.model.settle()
        return sum(self.model.forward)

    @property
    def backward(self) -> int:
        self.model.settle()
        return sum(self.model.backward)
